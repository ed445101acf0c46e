#!/bin/sh
# Makes the kernel free the given amount of memory by raising its reserve for a moment; needs root and
# a kernel with vm.extra_free_kbytes.

PATH=$PATH:/sbin:/usr/sbin
export PATH

usage() {
    echo "Usage: $0 freecache(GB)"
    echo "Example: $0 15"
    exit
}

# reserve <extra GB> <least GB>
reserve() {
    sysctl -w "vm.extra_free_kbytes=${1}000000"
    sysctl -w "vm.min_free_kbytes=${2}000000"
}

[ $# -eq 1 ] || usage
case $1 in '' | *[!0-9]*) usage ;; esac

reserve 3 "$1"
reserve 3 1
