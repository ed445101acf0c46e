#!/bin/sh
# Watches the free pages of the machine once a second, without end, and drops the page cache when
# they fall to the kernel's high mark.

PATH=$PATH:/sbin:/usr/sbin
export PATH

# zone <name>: a figure of the memory zone Normal.
zone() {
    awk -v name="$1" '/^Node/ { normal = $4 == "Normal" } normal && $1 == name { print $2; exit }' /proc/zoneinfo
}

[ -n "$(zone high)" ] || {
    echo "ERROR: this machine has no memory zone Normal in /proc/zoneinfo" >&2
    exit 1
}

while true; do
    free=$(zone nr_free_pages)
    high=$(zone high)
    now=$(date '+%D %T')
    if [ "$free" -le "$high" ]; then
        sysctl -w vm.drop_caches=3
        echo "$now [CLEAN] nr_free_pages < high, clean cache. nr_free_pages=$free ====> nr_free_pages=$(zone nr_free_pages)"
        sysctl -w vm.drop_caches=1
        printf '\n\n\n'
    else
        echo "$now [NOTHING] nr_free_pages=$free high=$high"
    fi
    sleep 1
done
