#!/bin/sh
# The benchmark's consumer, in the background until it is stopped: consumer.sh [options]; -h lists them.

here=$(CDPATH='' cd "$(dirname "$0")" && pwd)
sh "$here/runclass.sh" org.apache.rocketmq.example.benchmark.Consumer "$@" &
