#!/bin/sh
# Every check of the project: format, lints, tests of all crates, and the cases that run against Java
# RocketMQ 4.4.0 as well. Installs what is missing (as root, on Debian and Ubuntu); needs Rust.
set -eu
cd "$(dirname "$0")/.."

command -v cargo > /dev/null 2>&1 || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
command -v cargo > /dev/null 2>&1 || {
    echo "test.sh: there is no cargo on PATH; Rust is installed as https://rustup.rs says" >&2
    exit 1
}

step() {
    echo
    echo "== $1"
}

step "Tools"
sh scripts/need.sh cc=build-essential git=git
if ! cargo fmt --version > /dev/null 2>&1 || ! cargo clippy --version > /dev/null 2>&1; then
    rustup component add rustfmt clippy
fi
sh scripts/fetch-java.sh

step "Format"
cargo fmt --all --check

step "Lints"
cargo clippy --workspace --all-targets -- -D warnings

# All packages are chosen each time: a part of them would ask other features of the dependencies, and
# those would be built once more.
step "Tests of the crates"
ROCKETMQ_COMPAT_LATER=1 cargo test --workspace

# The test that fills a disk gets a small one, in a mount namespace that ends with it.
step "A full disk"
mkdir -p target/small-disk
apart="unshare --mount"
[ "$(id -u)" = 0 ] || apart="unshare --user --map-root-user --mount"
if $apart true 2> /dev/null; then
    # shellcheck disable=SC2016 # expanded by the shell inside
    $apart sh -c 'mount -t tmpfs -o size=50m none target/small-disk &&
        STORE_SMALL_DISK=$PWD/target/small-disk exec cargo test --workspace --test it a_full_disk -- --ignored'
else
    echo "no mount namespace can be made here: left out"
fi

step "Instructions of the hot paths"
sh scripts/instructions.sh

step "Cases run against Java 4.4.0 and ours"
# A case that failed is run once more: the stock client drops fresh connections when the machine is
# crowded. First failures are printed.
ROCKETMQ_COMPAT_TRIES=${ROCKETMQ_COMPAT_TRIES:-2} ROCKETMQ_BIN=${ROCKETMQ_BIN:-$PWD/target/debug/rocketmq} \
    ROCKETMQ_CLIENT_EXAMPLES=${ROCKETMQ_CLIENT_EXAMPLES:-$PWD/target/debug/examples} \
    cargo test --workspace --test compat

echo
echo "All passed."
