#!/bin/sh
# RocketMQ 4.4 still starts filter servers through this script, but no longer ships their program.

echo "Nothing started: RocketMQ 4.4 has no filter server any more; filter by tag or by SQL92 (enablePropertyFilter=true)."
