#!/bin/sh
# The benchmark's producer of transactions: tproducer.sh [threads [size [check back [roll back]]]]

here=$(CDPATH='' cd "$(dirname "$0")" && pwd)
exec sh "$here/runclass.sh" org.apache.rocketmq.example.benchmark.TransactionProducer "$@"
