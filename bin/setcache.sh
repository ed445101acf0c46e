#!/bin/sh
# Sets how much memory the kernel keeps free, and stops it from swapping; needs root and a kernel with
# vm.extra_free_kbytes.

PATH=$PATH:/sbin:/usr/sbin
export PATH

usage() {
    echo "Usage: $0 extra_free_kbytes(GB) min_free_kbytes(GB)"
    echo "Example: $0 3 1"
    exit
}

[ $# -eq 2 ] || usage
case $1$2 in '' | *[!0-9]*) usage ;; esac

sysctl -w "vm.extra_free_kbytes=${1}000000"
sysctl -w "vm.min_free_kbytes=${2}000000"
sysctl -w vm.swappiness=0
