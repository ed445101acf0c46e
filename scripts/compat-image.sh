#!/bin/sh
# Makes a container image for the compatibility tests from this machine's own files, since
# images cannot be pulled everywhere.
# Usage: sh scripts/compat-image.sh java IMAGE JAR_FOLDER
#        sh scripts/compat-image.sh ours IMAGE EXECUTABLE
#        sh scripts/compat-image.sh base IMAGE EXECUTABLE   a base for scripts/docker/Dockerfile: a shell, small
#                                                           programs, and the libraries of the executable
set -eu

[ $# = 3 ] || { sed -n 2,8p "$0" >&2; exit 1; }
kind=$1 image=$2 source=$3

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT INT TERM

# Copies files to the same places below $root, with what their links lead to.
take() {
    for file in "$@"; do
        echo "${file#/}"
        [ ! -L "$file" ] || readlink -f "$file" | sed 's|^/||'
    done | sort -u | tar -C / -c -T - 2>/dev/null | tar -C "$root" -x --skip-old-files
}

# The shared libraries of programs, and the loader.
libraries() {
    ldd "$@" 2>/dev/null | grep -o '/[^ )]*' | grep -v ':$' | sort -u
}

for folder in /bin /sbin /lib /lib32 /lib64 /libx32; do
    # On merged-/usr systems these are links.
    if [ -L "$folder" ]; then
        cp -a "$folder" "$root"
        mkdir -p "$root/usr$folder"
    fi
done
mkdir -p "$root/tmp" "$root/proc" "$root/dev" "$root/sys" "$root/etc" "$root/opt/rocketmq"
chmod 1777 "$root/tmp"
printf 'root:x:0:0:root:/root:/bin/sh\n' >"$root/etc/passwd"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
sh_path=$(readlink -f "$(command -v sh)")
take "$(command -v sh)" "$sh_path"
take $(libraries "$sh_path")
take $(ldconfig -p | grep -o '/.*libnss_\(files\|dns\).*')

case $kind in
java)
    java=$(readlink -f "$(command -v java)")
    home=${java%/bin/java}
    take "$home"
    rm -f "$root$home/lib/src.zip" "$root$home/lib/ct.sym"
    # Distributions keep settings elsewhere and link to them.
    take $(find "$home" -type l -exec readlink -f {} +)
    take $(libraries "$home/bin/java" "$home"/lib/*.so "$home"/lib/server/*.so)
    mkdir -p "$root/usr/bin" "$root/opt/rocketmq/lib"
    ln -sf "$home/bin/java" "$root/usr/bin/java"
    cp "$source"/*.jar "$root/opt/rocketmq/lib"
    ;;
base)
    take $(libraries "$source")
    for program in awk basename cat chown cut date dirname env grep head hostname id ln ls mkdir mv readlink rm \
        sed sleep sort tail tr uname; do
        path=$(command -v "$program")
        take "$path" "$(readlink -f "$path")" $(libraries "$(readlink -f "$path")")
    done
    printf 'root:x:0:\n' > "$root/etc/group"
    ;;
ours)
    mkdir -p "$root/opt/rocketmq/bin"
    cp "$source" "$root/opt/rocketmq/bin/rocketmq"
    take $(libraries "$source")
    ;;
*)
    echo "compat-image.sh: unknown kind $kind" >&2
    exit 1
    ;;
esac

tar -C "$root" -c . | docker import -c 'ENV PATH=/usr/bin:/bin:/usr/sbin:/sbin' - "$image" >/dev/null
echo "made $image"
