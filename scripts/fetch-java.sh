#!/bin/sh
# Fetches the stock Java 4.4.0 jars that the compatibility tests run against, or those of another
# release's client or servers. Does nothing when they are there already.
# Usage: sh scripts/fetch-java.sh [directory [version [client|server]]]
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
lib=${1:-${ROCKETMQ_COMPAT_LIB:-$root/target/compat/lib}}
version=${2:-}
pom=$root/compat-tests/java/${version:+${3:-client}-}pom.xml
stamp=$lib/.fetched

if [ -f "$stamp" ] && cmp -s "$pom" "$stamp"; then
    exit 0
fi

sh "$root/scripts/need.sh" javac=openjdk-17-jdk-headless,default-jdk-headless mvn=maven

mkdir -p "$lib"
rm -f "$lib"/*.jar "$stamp"
mvn -q -B -f "$pom" ${version:+-Drocketmq.version="$version"} dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$lib"
cp "$pom" "$stamp"
echo "fetched $(ls "$lib"/*.jar | wc -l) jars into $lib"
