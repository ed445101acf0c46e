#!/bin/sh
# Starts one of the four cluster forms on this machine for a trial, with two name servers, and shows it:
#   sh scripts/cluster.sh single | 2m-noslave | 2m-2s-async | 2m-2s-sync [folder]
#   sh scripts/cluster.sh stop [folder]
# The settings are those of conf/; ports, folders and file sizes are changed so that all fit on one machine.
# Everything it writes is below the folder (target/cluster unless given); running it again restarts the
# servers on what is there.
set -eu

root=$(CDPATH='' cd "$(dirname "$0")/.." && pwd)
seconds=60
form=${1:-}
dir=${2:-$root/target/cluster}

fail() {
    echo "cluster: $1" >&2
    exit 1
}

# is_ours <pid> <name>: it runs, and where the kernel tells, it was started on our folder.
is_ours() {
    kill -0 "$1" 2> /dev/null || return 1
    [ ! -r "/proc/$1/cmdline" ] || tr '\0' '\n' < "/proc/$1/cmdline" | grep -qxF -- "-Duser.home=$dir/$2"
}

# stop_all: ends the servers of an earlier run, slaves and masters before name servers.
stop_all() {
    for file in "$dir"/broker-*-s.pid "$dir"/broker-[ab].pid "$dir"/namesrv-*.pid; do
        [ -f "$file" ] || continue
        name=$(basename "$file" .pid)
        pid=$(cat "$file")
        if is_ours "$pid" "$name"; then
            kill "$pid"
            wait_until "! kill -0 $pid 2> /dev/null" || fail "$name (process $pid) does not stop"
        fi
        rm -f "$file"
    done
}

# wait_until <command>: true as soon as the command is, false when time is up.
wait_until() {
    left=$((seconds * 10))
    until eval "$1"; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || return 1
        sleep 0.1
    done
}

# start_server <name> <launcher> <main class>: in the background, until its boot line is out.
start_server() {
    name=$1
    mkdir -p "$dir/$name"
    : > "$dir/$name.out"
    nohup sh "$root/bin/$2" "-Duser.home=$dir/$name" "$3" -c "$dir/home/conf/$name.conf" >> "$dir/$name.out" 2>&1 &
    pid=$!
    echo "$pid" > "$dir/$name.pid"
    wait_until "! kill -0 $pid 2> /dev/null || grep -q 'boot success' '$dir/$name.out'" || true
    grep 'boot success' "$dir/$name.out" || {
        cat "$dir/$name.out" >&2
        fail "$name did not start; its logs are in $dir/$name/logs/rocketmqlogs"
    }
}

# is_free <port>...: nobody listens on any of them, as far as the kernel shows it.
is_free() {
    for port in "$@"; do
        hex=$(printf ':%04X 00000000:0000 0A' "$port")
        hex6=$(printf ':%04X 00000000000000000000000000000000:0000 0A' "$port")
        if cat /proc/net/tcp /proc/net/tcp6 2> /dev/null | grep -q -e "$hex" -e "$hex6"; then
            return 1
        fi
    done
}

case $form in
    single) files=broker.conf ;;
    2m-noslave) files='2m-noslave/broker-a.properties 2m-noslave/broker-b.properties' ;;
    2m-2s-async | 2m-2s-sync)
        files="$form/broker-a.properties $form/broker-b.properties"
        files="$files $form/broker-a-s.properties $form/broker-b-s.properties"
        ;;
    stop)
        dir=$(CDPATH='' cd "$dir" 2> /dev/null && pwd) || fail "nothing was started there"
        stop_all
        echo "The servers are stopped; rm -r '$dir' removes what they wrote."
        exit 0
        ;;
    *)
        echo "usage: sh scripts/cluster.sh single | 2m-noslave | 2m-2s-async | 2m-2s-sync | stop [folder]" >&2
        exit 1
        ;;
esac
mkdir -p "$dir/home/conf" "$dir/home/lib"
dir=$(CDPATH='' cd "$dir" && pwd)
case $dir in *\'* | *\\*) fail "a folder without quotes and backslashes, please: $dir" ;; esac

# ROCKETMQ_BIN names a ready executable, an unpacked release has one; else it is built.
executable=${ROCKETMQ_BIN:-}
[ -n "$executable" ] || [ ! -x "$root/lib/rocketmq" ] || executable=$root/lib/rocketmq
if [ -z "$executable" ]; then
    command -v cargo > /dev/null 2>&1 || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    command -v cargo > /dev/null 2>&1 || fail "there is no cargo on PATH; Rust is installed as https://rustup.rs says"
    sh "$root/scripts/need.sh" cc=build-essential
    (cd "$root" && cargo build --release -p rocketmq)
    executable=${CARGO_TARGET_DIR:-$root/target}/release/rocketmq
fi
[ -x "$executable" ] || fail "there is no $executable"
stop_all
# A cluster that ran here in another form keeps its folders; its files are not read again.
(cd "$dir/home/conf" && rm -f broker-*.conf)
ln -sf "$executable" "$dir/home/lib/rocketmq"

# Each broker listens on its port, two below and one above.
up=0
until is_free $((9876 + up)) $((9877 + up)) $((10909 + up)) $((10911 + up)) $((10912 + up)) \
    $((10919 + up)) $((10921 + up)) $((10922 + up)) $((10929 + up)) $((10931 + up)) $((10932 + up)) \
    $((10939 + up)) $((10941 + up)) $((10942 + up)); do
    up=$((up + 10000))
    [ "$up" -lt 50000 ] || fail "no free ports"
done
NAMESRV_ADDR="127.0.0.1:$((9876 + up));127.0.0.1:$((9877 + up))"
ROCKETMQ_HOME=$dir/home
ROCKETMQ_TOOLS=native
export ROCKETMQ_HOME NAMESRV_ADDR ROCKETMQ_TOOLS

for number in 1 2; do
    cat > "$dir/home/conf/namesrv-$number.conf" << END
listenPort=$((9875 + number + up))
kvConfigPath=$dir/namesrv-$number/kvConfig.json
END
    start_server "namesrv-$number" runserver.sh org.apache.rocketmq.namesrv.NamesrvStartup
done
port=$((10911 + up))
brokers=0
for file in $files; do
    name=$(basename "${file%.*}")
    [ "$name" = broker ] && name=broker-a
    # The empty line is for a file that does not end with one.
    { cat "$root/conf/$file"; echo; cat; } > "$dir/home/conf/$name.conf" << END
namesrvAddr=$NAMESRV_ADDR
brokerIP1=127.0.0.1
brokerIP2=127.0.0.1
listenPort=$port
storePathRootDir=$dir/$name/store
storePathCommitLog=$dir/$name/store/commitlog
mapedFileSizeCommitLog=67108864
mapedFileSizeConsumeQueue=600000
maxHashSlotNum=50000
maxIndexNum=200000
END
    start_server "$name" runbroker.sh org.apache.rocketmq.broker.BrokerStartup
    port=$((port + 10))
    brokers=$((brokers + 1))
done

list() {
    sh "$root/bin/mqadmin" clusterList 2>&1
}
wait_until '[ "$(list | grep -c "127.0.0.1:")" -ge "$brokers" ]' || {
    list >&2
    fail "not all brokers are in the list; see the logs below $dir"
}
list
cat << END
The servers go on running.
  logs  $dir/*/logs/rocketmqlogs
  look  NAMESRV_ADDR='$NAMESRV_ADDR' ROCKETMQ_HOME='$dir/home' ROCKETMQ_TOOLS=native sh bin/mqadmin clusterList
  stop  sh scripts/cluster.sh stop$([ "$dir" = "$root/target/cluster" ] || echo " '$dir'")
END
