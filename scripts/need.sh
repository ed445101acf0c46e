#!/bin/sh
# Installs the packages of Debian and Ubuntu whose commands are missing:
#   sh scripts/need.sh javac=openjdk-17-jdk-headless,default-jdk-headless mvn=maven
# Of packages with a comma between them the first one that this system knows is taken.
set -eu

missing=
for pair in "$@"; do
    command -v "${pair%%=*}" > /dev/null 2>&1 || missing="$missing ${pair#*=}"
done
[ -n "$missing" ] || exit 0

become_root=
if ! command -v apt-get > /dev/null 2>&1; then
    echo "need.sh: there is no apt-get here; please install:$missing" >&2
    exit 1
elif [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2> /dev/null || {
        echo "need.sh: please install as root: apt-get install$missing" >&2
        exit 1
    }
    become_root="sudo -n"
fi

echo "need.sh: installing:$missing" >&2
$become_root apt-get update -q > /dev/null
packages=
for choice in $missing; do
    package=${choice##*,}
    while [ "$choice" != "$package" ]; do
        if apt-cache show "${choice%%,*}" > /dev/null 2>&1; then
            package=${choice%%,*}
            break
        fi
        choice=${choice#*,}
    done
    packages="$packages $package"
done
# Options and packages are words.
$become_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $packages > /dev/null
