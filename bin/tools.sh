#!/bin/sh
# Runs a tool or an example by its main class: natively where it is built in, else with Java.
# ROCKETMQ_TOOLS=java prefers Java also for mqadmin, ROCKETMQ_TOOLS=native never asks for Java.

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

# These belong to the servers only.
unset JAVA_OPT_EXT
tools=1
run "-server -Xms1g -Xmx1g -Xmn256m" "$@"
