#!/bin/sh
# Java RocketMQ 4.4.0 and this broker side by side: the same load on both in turn, in one run; prints
# a Markdown table with the ratios. Options are passed on: sh scripts/bench.sh --help
set -eu
cd "$(dirname "$0")/.."

command -v cargo > /dev/null 2>&1 || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
sh scripts/fetch-java.sh
cargo build --release -q -p rocketmq
cargo build --release -q -p compat-tests --no-default-features --bin bench

# Java gets the heap sizes and the collector of its own start scripts, halved to leave the page cache
# room on a small machine.
: "${ROCKETMQ_JVM_FLAGS:=-server -Xms4g -Xmx4g -Xmn2g -XX:+UseG1GC -XX:G1HeapRegionSize=16m \
-XX:MaxDirectMemorySize=4g}"
export ROCKETMQ_JVM_FLAGS
ROCKETMQ_BIN=${ROCKETMQ_BIN:-$PWD/target/release/rocketmq}
export ROCKETMQ_BIN
exec target/release/bench "$@"
