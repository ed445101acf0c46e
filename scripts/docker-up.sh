#!/bin/sh
# Makes sure that a container engine answers, for the container cases of the compatibility tests:
# uses the one that runs, else (as root, on Debian) installs and starts one.
# Prints what to set: eval "$(sh scripts/docker-up.sh)". Stop it with: sh scripts/docker-up.sh stop
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
dir=$root/target/compat/docker
socket=/var/run/rocketmq-compat-docker.sock

if [ "${1:-}" = stop ]; then
    if [ -f "$dir/pid" ]; then
        kill "$(cat "$dir/pid")"
        echo "stopped" >&2
    fi
    exit 0
fi

if docker info >/dev/null 2>&1; then
    exit 0
fi
if DOCKER_HOST=unix://$socket docker info >/dev/null 2>&1; then
    echo "export DOCKER_HOST=unix://$socket"
    exit 0
fi

if [ "$(id -u)" != 0 ]; then
    echo "docker-up.sh: no engine answers, and only root can start one" >&2
    exit 1
fi
sh "$root/scripts/need.sh" dockerd=docker.io iptables=iptables docker=docker-cli,docker.io

mkdir -p "$dir"
dockerd --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" \
    -H "unix://$socket" >"$dir/log" 2>&1 </dev/null &
tries=0
until DOCKER_HOST=unix://$socket docker info >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ $tries -gt 60 ]; then
        echo "docker-up.sh: the engine does not start:" >&2
        tail -5 "$dir/log" >&2
        exit 1
    fi
    sleep 0.5
done
echo "export DOCKER_HOST=unix://$socket"
