#!/bin/sh
# Starts a name server and a broker of this machine in the background, for a first look.
# Their output goes to ns.log and bk.log in the current folder.

bin=$(CDPATH='' cd "$(dirname "$0")" && pwd)
seconds=60

# started <pid> <log> <name>: waits for the boot line, or says why there is none.
started() {
    left=$((seconds * 5))
    while true; do
        # What has ended has said everything before it is looked for.
        alive=1
        kill -0 "$1" 2> /dev/null || alive=
        if grep -q "boot success" "$2"; then return; fi
        left=$((left - 1))
        if [ -z "$alive" ]; then
            echo "Failed to start $3. Please check $2" >&2
            exit 1
        elif [ "$left" -eq 0 ]; then
            echo "$3 is not up after $seconds s. Please check $2" >&2
            exit 1
        fi
        sleep 0.2
    done
}

# A host may have several addresses, or none that it knows.
address=$(hostname -i 2> /dev/null | awk '{ print $1 }')
address=${address:-127.0.0.1}:9876

# Emptied here, for the new processes would do it only some time from now.
: > ns.log
: > bk.log
nohup sh "$bin/mqnamesrv" >> ns.log 2>&1 &
started $! ns.log "name server"
nohup sh "$bin/mqbroker" -n "$address" >> bk.log 2>&1 &
started $! bk.log "broker"

echo "Start Name Server and Broker Successfully, $address"
