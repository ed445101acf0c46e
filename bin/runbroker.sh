#!/bin/sh
# Runs a main class, with JVM options before it and its arguments behind: the broker natively,
# a class that exists in Java only with the heap that RocketMQ 4.4 gives its broker.
# Memory is interleaved over all NUMA nodes, or kept on RMQ_NUMA_NODE, where numactl works.

self=$0
while [ -h "$self" ]; do
    link=$(readlink "$self")
    case $link in
        /*) self=$link ;;
        *) self=$(dirname "$self")/$link ;;
    esac
done
bin=$(CDPATH='' cd "$(dirname "$self")" && pwd)
[ -f "$bin/launch.sh" ] || bin=${ROCKETMQ_HOME:-}/bin
. "$bin/launch.sh"

if numactl --interleave=all pwd > /dev/null 2>&1; then
    if [ -n "${RMQ_NUMA_NODE:-}" ]; then
        prefix="numactl --cpunodebind=$RMQ_NUMA_NODE --membind=$RMQ_NUMA_NODE"
    else
        prefix="numactl --interleave=all"
    fi
fi
memory="-Xms8g -Xmx8g -Xmn4g -XX:MaxDirectMemorySize=15g -XX:+UseG1GC -XX:+AlwaysPreTouch"
run "-server $memory -XX:-OmitStackTraceInFastThrow ${JAVA_OPT_EXT:-}" "$@"
