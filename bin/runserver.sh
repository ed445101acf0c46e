#!/bin/sh
# Runs a main class, with JVM options before it and its arguments behind: the name server natively,
# a class that exists in Java only with the heap that RocketMQ 4.4 gives its name server.

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

run "-server -Xms4g -Xmx4g -Xmn2g -XX:-OmitStackTraceInFastThrow ${JAVA_OPT_EXT:-}" "$@"
