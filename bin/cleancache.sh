#!/bin/sh
# Drops the page cache once; needs root.

PATH=$PATH:/sbin:/usr/sbin
export PATH

exec sysctl -w vm.drop_caches=3
