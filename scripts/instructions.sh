#!/bin/sh
# Counts the instructions of the hot paths (src/store/examples/hot_paths.rs) and compares them with
# scripts/instructions.tsv: a path that takes over 5 % more than is written there fails. Counts are
# steady where times are not. They are one compiler's: where another one is used, or another kind of
# processor, they are shown and nothing fails.
#   sh scripts/instructions.sh           compares
#   sh scripts/instructions.sh --write   writes what is counted now, for a change that is meant
set -eu
cd "$(dirname "$0")/.."

command -v cargo > /dev/null 2>&1 || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
sh scripts/need.sh valgrind=valgrind
budgets=scripts/instructions.tsv
rounds=2000

cargo build --release -q -p store --example hot_paths
program=${CARGO_TARGET_DIR:-target}/release/examples/hot_paths

# Only the function that does the path counts, on its thread: no start, and none of the threads
# behind the store.
instructions() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect='*counted*' \
        "$program" --count $rounds "$1" 2>&1 |
        sed -n "s/^.*Collected *: *\([0-9]*\).*/\1/p"
}

counts=$(for path in $("$program" --list); do
    total=$(instructions "$path")
    [ "${total:-0}" -gt 0 ] || {
        echo "instructions.sh: nothing was counted for $path" >&2
        exit 1
    }
    printf '%s\t%s\n' "$path" $((total / rounds))
done)

maker="# $(rustc --version | cut -d ' ' -f 1,2) $(uname -m)"
if [ "${1:-}" = --write ]; then
    printf '%s\n%s\n' "$maker" "$counts" > "$budgets"
fi
if [ "$(head -n 1 "$budgets")" != "$maker" ]; then
    echo "$counts"
    echo "instructions.sh: not compared: this is ${maker#??}, the budgets are those of $(head -n 1 "$budgets" | cut -c 3-)"
    exit 0
fi
echo "$counts" | awk -F '\t' '
    /^#/ { next }
    NR == FNR { budget[$1] = $2; next }
    {
        allowed = budget[$1] * 1.05
        bad = !($1 in budget) || $2 > allowed
        failed += bad
        printf "%-20s %7d instructions, budget %7d%s\n", $1, $2, budget[$1], bad ? "  TOO MANY" : ""
    }
    END { exit failed > 0 }' "$budgets" - || {
    echo "instructions.sh: over budget; where that is meant: sh scripts/instructions.sh --write" >&2
    exit 1
}
