# Read by the other scripts of this folder, with $bin set to it; not a command of its own.
#
# One installation is a folder with bin/, conf/ and the executable `rocketmq` (in lib/ or bin/, or in
# target/ of a source checkout). The executable is told its role by RocketMQ's Java main classes, so
# that `ps` shows what operators and old scripts look for. It reads the -D properties of JAVA_OPT and
# JAVA_OPT_EXT itself; other JVM options mean nothing to it.

base=$(dirname "$bin")
prefix=
tools=

fail() {
    echo "ERROR: $1" >&2
    exit 1
}

# The home is the folder above bin/ unless the environment names another one.
set_home() {
    [ -n "${ROCKETMQ_HOME:-}" ] || ROCKETMQ_HOME=$base
    export ROCKETMQ_HOME
}

# What the executable can be in place of Java.
is_native() {
    case $1 in
        org.apache.rocketmq.namesrv.NamesrvStartup) ;;
        org.apache.rocketmq.broker.BrokerStartup) ;;
        org.apache.rocketmq.tools.command.MQAdminStartup) ;;
        org.apache.rocketmq.example.quickstart.Producer) ;;
        org.apache.rocketmq.example.quickstart.Consumer) ;;
        org.apache.rocketmq.example.benchmark.Producer) ;;
        org.apache.rocketmq.example.benchmark.Consumer) ;;
        org.apache.rocketmq.example.benchmark.TransactionProducer) ;;
        *) return 1 ;;
    esac
}

# JVM options whose value is the next word.
takes_value() {
    case $1 in
        -cp | -classpath | --class-path | -p | --module-path | --upgrade-module-path) ;;
        --add-opens | --add-exports | --add-reads | --add-modules) ;;
        *) return 1 ;;
    esac
}

# run <heap options> [JVM options] <main class> [arguments]
run() {
    heap=$1
    shift
    find_main_class "$@"
    if wants_java; then
        run_java "$@"
    elif is_native "$main_class"; then
        run_native "$@"
    elif [ -z "$main_class" ]; then
        fail "no main class given, for example: sh $0 org.apache.rocketmq.broker.BrokerStartup"
    else
        fail "$main_class is not built in: to run it, set JAVA_HOME to a JDK and put RocketMQ's jars into $base/lib or on CLASSPATH"
    fi
}

find_main_class() {
    main_class=
    while [ $# -gt 0 ]; do
        if takes_value "$1"; then
            [ $# -eq 1 ] || shift
        elif [ "${1#-}" = "$1" ]; then
            main_class=$1
            return
        fi
        shift
    done
}

# Servers are always native. Tools are native where Java would find no jars; mqadmin also beside
# the jars, unless asked otherwise. Everything else needs Java.
wants_java() {
    if is_native "$main_class"; then
        [ -n "$tools" ] || return 1
        case ${ROCKETMQ_TOOLS:-}:$main_class in
            native:* | :*.MQAdminStartup | :*.BrokerStartup | :*.NamesrvStartup) return 1 ;;
        esac
        class_in_reach && find_java && return
        [ "${ROCKETMQ_TOOLS:-}" != java ] ||
            fail "ROCKETMQ_TOOLS=java needs JAVA_HOME and RocketMQ's jars in ${ROCKETMQ_HOME:-$base}/lib or on CLASSPATH"
        return 1
    else
        [ -n "$main_class" ] && { find_jars || [ -n "${CLASSPATH:-}" ]; } && find_java
    fi
}

# True when lib/ or CLASSPATH brings RocketMQ's own jars; many a CLASSPATH holds other things only.
class_in_reach() {
    find_jars && return
    rest=${CLASSPATH:-}:
    while [ -n "$rest" ]; do
        entry=${rest%%:*}
        rest=${rest#*:}
        case $entry in
            */rocketmq-*.jar) [ ! -f "$entry" ] || return 0 ;;
            *'/*') set -- "${entry%\*}"rocketmq-*.jar; [ ! -f "$1" ] || return 0 ;;
            ?*) [ ! -f "$entry/$(echo "$main_class" | tr . /).class" ] || return 0 ;;
        esac
    done
    return 1
}

# Sets jar_home to the installation whose lib/ holds jars.
find_jars() {
    for jar_home in ${ROCKETMQ_HOME:+"$ROCKETMQ_HOME"} "$base"; do
        for jar in "$jar_home"/lib/*.jar; do
            [ ! -f "$jar" ] || return 0
        done
    done
    return 1
}

find_java() {
    for java_home in ${JAVA_HOME:+"$JAVA_HOME"} "${HOME:-}/jdk/java" /usr/java; do
        java=$java_home/bin/java
        [ ! -x "$java" ] || return 0
    done
    java=$(command -v java) || return 1
    java_home=$(dirname "$(dirname "$(readlink -f "$java")")")
}

run_java() {
    JAVA_HOME=$java_home
    JAVA=$java
    BASE_DIR=${jar_home:-$base}
    CLASSPATH=.:$BASE_DIR/conf:${CLASSPATH:-}
    export JAVA_HOME JAVA BASE_DIR CLASSPATH
    # The options are words in one variable: split them at blanks, but expand no file names.
    set -f
    if [ -d "$JAVA_HOME/jre/lib/ext" ] || [ -d "$JAVA_HOME/lib/ext" ]; then
        # Up to JDK 8 jars come in through the extension folders; later ones refuse to start with them.
        ext=$BASE_DIR/lib:$JAVA_HOME/jre/lib/ext:$JAVA_HOME/lib/ext
        exec $prefix "$JAVA" ${JAVA_OPT:-} $heap "-Djava.ext.dirs=$ext" -cp "$CLASSPATH" "$@"
    fi
    opens=
    for package in java.lang java.util java.nio sun.nio.ch jdk.internal.misc jdk.internal.ref; do
        opens="$opens --add-opens=java.base/$package=ALL-UNNAMED"
    done
    exec $prefix "$JAVA" ${JAVA_OPT:-} $heap $opens -cp "$CLASSPATH:$BASE_DIR/lib/*" "$@"
}

# Of the words before the main class only -D properties are kept.
run_native() {
    find_native
    count=$#
    before=1
    while [ "$count" -gt 0 ]; do
        word=$1
        shift
        count=$((count - 1))
        if [ -n "$before" ]; then
            if takes_value "$word"; then
                shift
                count=$((count - 1))
                continue
            fi
            case $word in
                -D*) ;;
                -*) continue ;;
                *) before= ;;
            esac
        fi
        set -- "$@" "$word"
    done
    [ -z "${JAVA_OPT:-}" ] || export JAVA_OPT
    [ -z "${JAVA_OPT_EXT:-}" ] || export JAVA_OPT_EXT
    set -f
    exec $prefix "$native" "$@"
}

find_native() {
    for home in ${ROCKETMQ_HOME:+"$ROCKETMQ_HOME"} "$base"; do
        for place in lib bin target/release target/debug; do
            native=$home/$place/rocketmq
            [ ! -f "$native" ] || [ ! -x "$native" ] || return 0
        done
    done
    native=$(command -v rocketmq) ||
        fail "no executable 'rocketmq' in ${ROCKETMQ_HOME:-$base}/lib or on PATH: in a source checkout run 'cargo build --release'"
}
