#!/bin/sh
# Tunes a Linux machine that a broker has for itself; needs root. Running it again changes nothing more.
#   os.sh       applies the settings and shows them
#   os.sh -n    only shows what it would do
# OS_ROOT is put before the paths of the files that it changes, to prepare an image or to try it out.

PATH=$PATH:/sbin:/usr/sbin
export PATH

root=${OS_ROOT:-}
dry=
case ${1:-} in -n | --dry-run) dry=1 ;; esac
[ -n "$dry" ] || [ "$(id -u)" -eq 0 ] || {
    echo "ERROR: os.sh changes system settings: run it as root, or with -n to see them" >&2
    exit 1
}

do_it() {
    if [ -n "$dry" ]; then echo "would run: $*"; else "$@"; fi
}

# once <file> <line>: appends the line unless the file has it.
once() {
    grep -qxF -- "$2" "$1" 2> /dev/null && return
    if [ -n "$dry" ]; then echo "would append to $1: $2"; else echo "$2" >> "$1"; fi
}

# Mapped files need many maps; the broker flushes by itself, so write-back may wait; swapping never pays.
for setting in overcommit_memory=1 drop_caches=1 zone_reclaim_mode=0 max_map_count=655360 \
    dirty_background_ratio=50 dirty_ratio=50 dirty_writeback_centisecs=360000 page-cluster=3 swappiness=1; do
    do_it sysctl -w "vm.$setting"
done

once "$root/etc/profile" 'ulimit -n 655350'
once "$root/etc/security/limits.conf" '* hard nofile 655350'
once "$root/etc/security/limits.conf" '* hard memlock      unlimited'
once "$root/etc/security/limits.conf" '* soft memlock      unlimited'

# The disk of the biggest file system gets the deadline scheduler, by whichever name the kernel has it.
disk=$(df -Pk | awk '$1 ~ /^\/dev\// && $2 > most { most = $2; name = $1 } END { print name }')
disk=$(basename "${disk:-none}")
case $disk in
    nvme*p[0-9]* | mmcblk*p[0-9]*) disk=${disk%p[0-9]*} ;;
    [svh]d*[0-9] | xvd*[0-9]) disk=$(echo "$disk" | sed 's/[0-9]*$//') ;;
esac
scheduler=$root/sys/block/$disk/queue/scheduler
for choice in mq-deadline deadline; do
    grep -qw -- "$choice" "$scheduler" 2> /dev/null || continue
    if [ -n "$dry" ]; then echo "would write to $scheduler: $choice"; else echo "$choice" > "$scheduler"; fi
    break
done

echo "---------------------------------------------------------------"
for key in extra_free_kbytes min_free_kbytes overcommit_memory drop_caches zone_reclaim_mode max_map_count \
    dirty_background_ratio dirty_ratio dirty_writeback_centisecs page-cluster swappiness; do
    # Some kernels do not have all of them.
    sysctl "vm.$key" 2> /dev/null
done
if id admin > /dev/null 2>&1; then do_it su - admin -c 'ulimit -n'; fi
if [ -r "$scheduler" ]; then cat "$scheduler"; fi

if [ -d "${HOME:-/root}/tmpfs" ]; then
    echo "tmpfs exist, do nothing."
else
    do_it ln -s /dev/shm "${HOME:-/root}/tmpfs"
    [ -n "$dry" ] || echo "create tmpfs ok"
fi
