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

# Without the cases' dependencies, which ask more features of ours than the product has. The product as
# built here is what the cases run.
step "Tests of the crates"
cargo test --workspace --exclude compat-tests
target=${CARGO_TARGET_DIR:-$PWD/target}
if [ -z "${ROCKETMQ_BIN:-}${ROCKETMQ_PROFILE:-}" ]; then
    export ROCKETMQ_BIN="$target/debug/rocketmq"
fi
: "${ROCKETMQ_CLIENT_EXAMPLES:=$target/debug/examples}"
: "${ROCKETMQ_COMPAT_TRIES:=2}"
export ROCKETMQ_CLIENT_EXAMPLES ROCKETMQ_COMPAT_TRIES

# The test that fills a disk gets a small one, in a mount namespace that ends with it.
step "A full disk"
mkdir -p target/small-disk
apart="unshare --mount"
[ "$(id -u)" = 0 ] || apart="unshare --user --map-root-user --mount"
if $apart true 2> /dev/null; then
    # shellcheck disable=SC2016 # expanded by the shell inside
    $apart sh -c 'mount -t tmpfs -o size=50m none target/small-disk &&
        STORE_SMALL_DISK=$PWD/target/small-disk exec cargo test --workspace --exclude compat-tests --test it a_full_disk -- --ignored'
else
    echo "no mount namespace can be made here: left out"
fi

step "Instructions of the hot paths"
sh scripts/instructions.sh

step "Cases run against Java 4.4.0 and ours"
# A case that failed is run once more: the stock client drops fresh connections when the machine is
# crowded. First failures are printed.
cargo test -p compat-tests

echo
echo "All passed."
