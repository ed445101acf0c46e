#!/bin/sh
# Makes rocketmq-<version>-bin.tar.gz and its SHA-512: the folders of the 4.4.0 distribution with the
# executable in lib/, to unpack and run anywhere.
#   sh scripts/dist.sh [--glibc VERSION] [folder]     the folder is target/dist unless given
# The executable is built for release; ROCKETMQ_BIN names a ready one. With cargo-zigbuild on PATH
# (pip install cargo-zigbuild) it is linked for glibc 2.17, that is for every Linux since 2013; else it
# needs the glibc of this machine or a newer one. What the executable needs is looked up in it and written to
# lib/BUILD; --glibc says what it may need at most.
set -eu

root=$(CDPATH='' cd "$(dirname "$0")/.." && pwd)
oldest=2.17
limit=
dir=
while [ $# -gt 0 ]; do
    case $1 in
        --glibc)
            limit=${2:?--glibc needs a version}
            shift
            ;;
        -*)
            sed -n 2,8p "$0" >&2
            exit 1
            ;;
        *) dir=$1 ;;
    esac
    shift
done
dir=${dir:-$root/target/dist}

fail() {
    echo "dist: $1" >&2
    exit 1
}

# build: leaves the name of the executable in $executable.
build() {
    command -v cargo > /dev/null 2>&1 || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    command -v cargo > /dev/null 2>&1 || fail "there is no cargo on PATH; Rust is installed as https://rustup.rs says"
    sh "$root/scripts/need.sh" cc=build-essential
    target=${CARGO_TARGET_DIR:-$root/target}
    if command -v cargo-zigbuild > /dev/null 2>&1; then
        host=$(rustc -vV | sed -n 's/^host: //p')
        limit=${limit:-$oldest}
        (cd "$root" && cargo zigbuild --release -p rocketmq --target "$host.$limit")
        executable=$target/$host/release/rocketmq
    else
        (cd "$root" && cargo build --release -p rocketmq)
        executable=$target/release/rocketmq
    fi
}

# newest_glibc <executable>: the newest version of glibc that it asks for; nothing for a static one.
newest_glibc() {
    LC_ALL=C objdump -p "$1" | sed -n 's/.* GLIBC_\([0-9.]*\)$/\1/p' | sort -t . -k 1,1n -k 2,2n | tail -n 1
}

# is_at_most <version> <version>
is_at_most() {
    [ "$(printf '%s\n%s\n' "$1" "$2" | sort -t . -k 1,1n -k 2,2n | tail -n 1)" = "$2" ]
}

# copy <path>...: what git tracks below these paths of the project, or all there is without git.
copy() {
    (
        cd "$root"
        if [ -e .git ]; then git ls-files -z -- "$@"; else find "$@" -type f -print0; fi
    ) | tar -C "$root" --null -T - -c | tar -C "$home" -x
}

# plain_links <file>: links to what the archive leaves out become plain words.
plain_links() {
    sed -E 's#\[([^]]*)\]\((\.\./)*(src|compat-tests|\.github|Cargo)[^)]*\)#\1#g' "$1" > "$1.new"
    mv "$1.new" "$1"
}

executable=${ROCKETMQ_BIN:-}
[ -n "$executable" ] || build
[ -x "$executable" ] || fail "there is no $executable"
command -v objdump > /dev/null 2>&1 || sh "$root/scripts/need.sh" objdump=binutils strip=binutils
needed=$(newest_glibc "$executable")
[ -z "$limit" ] || [ -z "$needed" ] || is_at_most "$needed" "$limit" ||
    fail "$executable needs glibc $needed, newer than $limit"

needs="no shared libraries"
[ -z "$needed" ] || needs="glibc $needed or newer"

version=$("$executable" --version | cut -d ' ' -f 2)
name=rocketmq-$version
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
trap 'exit 1' INT TERM HUP
home=$stage/$name
mkdir -p "$home/lib"

copy bin conf LICENSE NOTICE docs scripts/benchmark scripts/docker scripts/systemd scripts/quickstart.sh \
    scripts/cluster.sh scripts/dist/README.md
mv "$home/scripts/benchmark" "$home/benchmark"
mv "$home/scripts/dist/README.md" "$home/README.md"
rmdir "$home/scripts/dist"
sed 's#](\.\./\.\./#](#g' "$root/scripts/dist/README.md" > "$home/README.md"
for file in "$home"/docs/*.md "$home"/bin/*.md; do plain_links "$file"; done

strip -o "$home/lib/rocketmq" "$executable"
chmod 755 "$home/lib/rocketmq"
{
    echo "version: $version"
    echo "commit:  $(git -C "$root" rev-parse --short=12 HEAD 2> /dev/null || echo unknown)"
    echo "machine: $(uname -s) $(uname -m)"
    echo "needs:   $needs"
} > "$home/lib/BUILD"

# Where man and the shells look for them when this folder is a prefix such as /usr/local.
share=$home/share
mkdir -p "$share/bash-completion/completions" "$share/zsh/site-functions" "$share/fish/vendor_completions.d"
for program in mqadmin mqbroker mqnamesrv mqshutdown; do
    "$executable" completion bash $program > "$share/bash-completion/completions/$program"
    "$executable" completion zsh $program > "$share/zsh/site-functions/_$program"
    "$executable" completion fish $program > "$share/fish/vendor_completions.d/$program.fish"
done
for page in $("$executable" man); do
    section=$share/man/man${page##*.}
    mkdir -p "$section"
    "$executable" man "$page" > "$section/$page"
done

# The same files make the same archive: their times are those of the commit.
time=$(git -C "$root" log -1 --format=%ct 2> /dev/null || date +%s)
mkdir -p "$dir"
archive=$name-bin.tar.gz
tar -C "$stage" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$time" -c "$name" |
    gzip -n -6 > "$dir/$archive.new"
mv "$dir/$archive.new" "$dir/$archive"
(cd "$dir" && sha512sum "$archive" > "$archive.sha512")
echo "$dir/$archive ($(du -k "$dir/$archive" | cut -f 1) KiB, needs $needs)"
