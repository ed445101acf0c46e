#!/bin/sh
# Fetches the stock Java 4.4.0 jars that the compatibility tests run against.
# Does nothing when they are there already. Usage: sh scripts/fetch-java.sh [directory]
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
lib=${1:-${ROCKETMQ_COMPAT_LIB:-$root/target/compat/lib}}
pom=$root/compat-tests/java/pom.xml
stamp=$lib/.fetched

if [ -f "$stamp" ] && cmp -s "$pom" "$stamp"; then
    exit 0
fi

install() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "fetch-java.sh: please install $1 (no root or no apt-get here)" >&2
        exit 1
    fi
    apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$1" >/dev/null
}

command -v javac >/dev/null || install openjdk-17-jdk-headless
command -v mvn >/dev/null || install maven

mkdir -p "$lib"
rm -f "$lib"/*.jar "$stamp"
mvn -q -B -f "$pom" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$lib"
cp "$pom" "$stamp"
echo "fetched $(ls "$lib"/*.jar | wc -l) jars into $lib"
