#!/bin/sh
# Runs a main class with its arguments: natively where it is built in, else with Java and the jars in lib/.

if [ $# -lt 1 ]; then
    echo "USAGE: <$0> classname opts"
    exit 1
fi

here=$(CDPATH='' cd "$(dirname "$0")" && pwd)
# In an installation bin/ lies beside this folder, in a source checkout one further up.
for bin in "$here/../bin" "$here/../../bin"; do
    [ ! -f "$bin/tools.sh" ] || exec sh "$bin/tools.sh" "$@"
done
echo "ERROR: no bin/tools.sh beside $here" >&2
exit 1
