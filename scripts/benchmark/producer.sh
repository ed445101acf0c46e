#!/bin/sh
# The benchmark's producer, in the background until it is stopped: producer.sh [options]; -h lists them.

here=$(CDPATH='' cd "$(dirname "$0")" && pwd)
sh "$here/runclass.sh" org.apache.rocketmq.example.benchmark.Producer "$@" &
