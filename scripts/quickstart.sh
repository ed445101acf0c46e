#!/bin/sh
# From a checkout to messages: builds, starts a name server and a broker, sends 1000 messages, receives
# them, and leaves the servers running. In an unpacked release there is nothing to build.
#   sh scripts/quickstart.sh [--once] [folder]   --once stops the servers at the end
#   sh scripts/quickstart.sh stop [folder]
# Everything it writes is below the folder (target/quickstart unless given); running it again restarts
# the servers on what is there.
set -eu

root=$(CDPATH='' cd "$(dirname "$0")/.." && pwd)
seconds=60
once=
stop=
dir=
for word in "$@"; do
    case $word in
        --once) once=1 ;;
        stop) stop=1 ;;
        -*)
            echo "usage: sh scripts/quickstart.sh [--once | stop] [folder]" >&2
            exit 1
            ;;
        *) dir=$word ;;
    esac
done

step() {
    echo "== $1"
}

fail() {
    echo "quickstart: $1" >&2
    exit 1
}

# is_ours <pid>: it runs, and where the kernel tells, it was started on our folder.
is_ours() {
    kill -0 "$1" 2> /dev/null || return 1
    [ ! -r "/proc/$1/cmdline" ] || tr '\0' '\n' < "/proc/$1/cmdline" | grep -qxF -- "-Duser.home=$dir"
}

# stop_server <name>: ends the one of an earlier or of this run, and waits for its end.
stop_server() {
    [ -f "$dir/$1.pid" ] || return 0
    pid=$(cat "$dir/$1.pid")
    if is_ours "$pid"; then
        kill "$pid"
        wait_until "! kill -0 $pid 2> /dev/null" || fail "the $1 (process $pid) does not stop"
    fi
    rm -f "$dir/$1.pid"
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

# start_server <name> <launcher> <main class> [arguments]: in the background, until its boot line is out.
start_server() {
    name=$1
    # Emptied here, for the new process does it only some time from now.
    : > "$dir/$name.out"
    nohup sh "$root/bin/$2" "-Duser.home=$dir" "$3" -c "$dir/home/conf/$name.conf" >> "$dir/$name.out" 2>&1 &
    pid=$!
    echo "$pid" > "$dir/$name.pid"
    wait_until "! kill -0 $pid 2> /dev/null || grep -q 'boot success' '$dir/$name.out'" || true
    grep 'boot success' "$dir/$name.out" || {
        cat "$dir/$name.out" >&2
        fail "the $name did not start; its logs are in $dir/logs/rocketmqlogs"
    }
}

# free_port <port>...: the first one that nobody listens on, as far as the kernel shows it.
free_port() {
    for port in "$@"; do
        hex=$(printf ':%04X 00000000:0000 0A' "$port")
        hex6=$(printf ':%04X 00000000000000000000000000000000:0000 0A' "$port")
        if ! cat /proc/net/tcp /proc/net/tcp6 2> /dev/null | grep -q -e "$hex" -e "$hex6"; then
            echo "$port"
            return
        fi
    done
    fail "none of the ports $* is free"
}

dir=${dir:-$root/target/quickstart}
if [ -n "$stop" ]; then
    dir=$(CDPATH='' cd "$dir" 2> /dev/null && pwd) || fail "nothing was started there"
    stop_server broker
    stop_server namesrv
    echo "The servers are stopped; rm -r '$dir' removes what they wrote."
    exit 0
fi
mkdir -p "$dir/home/conf" "$dir/home/lib"
dir=$(CDPATH='' cd "$dir" && pwd)
case $dir in *\'* | *\\*) fail "a folder without quotes and backslashes, please: $dir" ;; esac

executable=$root/lib/rocketmq
if [ ! -x "$executable" ]; then
    step "Build"
    command -v cargo > /dev/null 2>&1 || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    command -v cargo > /dev/null 2>&1 || fail "there is no cargo on PATH; Rust is installed as https://rustup.rs says"
    sh "$root/scripts/need.sh" cc=build-essential
    (cd "$root" && cargo build --release -p rocketmq)
    executable=${CARGO_TARGET_DIR:-$root/target}/release/rocketmq
    [ -x "$executable" ] || fail "the build left no $executable"
fi

step "Servers"
stop_server broker
stop_server namesrv
ln -sf "$executable" "$dir/home/lib/rocketmq"
namesrv=$(free_port 9876 19876 29876)
# A broker also listens two ports below and one above its own.
broker=$(free_port 10911 20911 30911)
[ "$(free_port $((broker - 2)))$(free_port $((broker + 1)))" = $((broker - 2))$((broker + 1)) ] ||
    fail "one of the ports $((broker - 2)) and $((broker + 1)) is taken"
cat > "$dir/home/conf/namesrv.conf" << END
listenPort=$namesrv
kvConfigPath=$dir/namesrv/kvConfig.json
END
# Small files, for a trial needs no gigabytes; everything on this machine only.
cat "$root/conf/broker.conf" - > "$dir/home/conf/broker.conf" << END
namesrvAddr=127.0.0.1:$namesrv
brokerIP1=127.0.0.1
listenPort=$broker
storePathRootDir=$dir/store
storePathCommitLog=$dir/store/commitlog
mapedFileSizeCommitLog=67108864
mapedFileSizeConsumeQueue=600000
maxHashSlotNum=50000
maxIndexNum=200000
END
ROCKETMQ_HOME=$dir/home
NAMESRV_ADDR=127.0.0.1:$namesrv
ROCKETMQ_TOOLS=native
export ROCKETMQ_HOME NAMESRV_ADDR ROCKETMQ_TOOLS
start_server namesrv runserver.sh org.apache.rocketmq.namesrv.NamesrvStartup
start_server broker runbroker.sh org.apache.rocketmq.broker.BrokerStartup

step "Producer"
example=org.apache.rocketmq.example.quickstart
sh "$root/bin/tools.sh" "-Duser.home=$dir" $example.Producer > "$dir/producer.out" 2>&1 &
pid=$!
wait_until "! kill -0 $pid 2> /dev/null" || {
    kill "$pid"
    fail "the producer is not done after $seconds s; see $dir/producer.out"
}
tail -n 1 "$dir/producer.out"
sed -n 's/.*sendStatus=SEND_OK, msgId=\([0-9A-F]*\),.*/\1/p' "$dir/producer.out" | sort -u > "$dir/sent"
sent=$(wc -l < "$dir/sent")

step "Consumer"
: > "$dir/consumer.out"
sh "$root/bin/tools.sh" "-Duser.home=$dir" $example.Consumer >> "$dir/consumer.out" 2>&1 &
pid=$!
received() {
    sed -n 's/.*UNIQ_KEY=\([0-9A-F]*\).*/\1/p' "$dir/consumer.out" | sort -u | comm -12 "$dir/sent" - | wc -l
}
wait_until '[ "$(received)" -ge "$sent" ] || ! kill -0 "$pid" 2> /dev/null' || true
kill "$pid" 2> /dev/null || true
wait "$pid" || true
tail -n 1 "$dir/consumer.out"

echo
echo "sent $((sent)), received $(($(received)))"
[ "$sent" -gt 0 ] && [ "$(received)" -eq "$sent" ] ||
    fail "not everything arrived; see $dir/producer.out, $dir/consumer.out and $dir/logs/rocketmqlogs"
if [ -n "$once" ]; then
    stop_server broker
    stop_server namesrv
    echo "The servers are stopped."
    exit 0
fi
cat << END
The name server ($NAMESRV_ADDR) and the broker (127.0.0.1:$broker) go on running.
  logs  $dir/logs/rocketmqlogs
  look  NAMESRV_ADDR=$NAMESRV_ADDR sh bin/mqadmin clusterList
  stop  sh scripts/quickstart.sh stop$([ "$dir" = "$root/target/quickstart" ] || echo " '$dir'")
END
