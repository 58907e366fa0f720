#!/usr/bin/env bash
# Runs an example as a test: it must exit as expected and print lines that match, in order.
set -euo pipefail

usage='usage: scripts/run-example.sh [--broker] [--with PROGRAM]... [--expect REGEX]... [--exit CODE] [--stdin FILE]
       -- PROGRAM [ARGUMENT...]
  --broker  start a nats-server on a free port for the time of the run, and set NATS_URL; an argument @NATS_URL@
            stands for its address
  --with    a program to run beside it, ended with SIGTERM afterwards; it must then exit 0
  --exit    the exit code that is right; 0 by default
  --stdin   what it reads from standard input; nothing by default'

broker=false
companions=()
expected=()
right_code=0
input=/dev/null
while [[ $# -gt 0 ]]; do
    case "$1" in
        --broker) broker=true; shift ;;
        --with) companions+=("$2"); shift 2 ;;
        --expect) expected+=("$2"); shift 2 ;;
        --exit) right_code=$2; shift 2 ;;
        --stdin) input=$2; shift 2 ;;
        --) shift; break ;;
        -h | --help) echo "$usage"; exit 0 ;;
        *) echo "$usage" >&2; exit 2 ;;
    esac
done
[[ $# -gt 0 ]] || { echo "$usage" >&2; exit 2; }

dir=$(mktemp -d)
server=
running=()
cleanup() {
    for pid in "${running[@]}" $server; do
        kill -9 "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true # the shell would say that it was killed
    done
    rm -rf "$dir"
}
trap cleanup EXIT
fail() {
    echo "run-example: $1" >&2
    for file in "$dir"/*.out; do
        [[ -e $file ]] || continue
        echo "--- output of $(basename "$file" .out)" >&2
        cat "$file" >&2
    done
    exit 1
}

if $broker; then
    command -v nats-server >/dev/null || fail "nats-server is not installed (scripts/install-deps.sh test)"
    nats-server -a 127.0.0.1 -p -1 --ports_file_dir "$dir" >"$dir/nats-server.out" 2>&1 &
    server=$!
    for ((i = 0; i < 100; ++i)); do
        url=$(sed -n 's/.*\(nats:\/\/[0-9.]*:[0-9]*\).*/\1/p' "$dir"/nats-server_*.ports 2>/dev/null | head -n 1 || true)
        [[ -z $url ]] || break
        sleep 0.05
    done
    [[ -n $url ]] || fail "nats-server did not start"
    export NATS_URL=$url
    set -- "${@//@NATS_URL@/$url}"
fi

for program in "${companions[@]}"; do
    "$program" >"$dir/$(basename "$program").out" 2>&1 &
    running+=($!)
done

output="$dir/$(basename "$1").out"
code=0
"$@" >"$output" 2>&1 <"$input" || code=$?
[[ $code -eq $right_code ]] || fail "$(basename "$1") exited with $code"

for pid in "${running[@]}"; do
    kill -TERM "$pid" 2>/dev/null || fail "a program beside it ended too early"
    code=0
    wait "$pid" || code=$?
    [[ $code -eq 0 ]] || fail "a program beside it exited with $code after SIGTERM"
done
running=()

from=1
for regex in "${expected[@]}"; do
    line=$(tail -n "+$from" "$output" | grep -nE -m 1 -- "$regex" | cut -d: -f1 || true)
    [[ -n $line ]] || fail "no line from line $from on matches: $regex"
    from=$((from + line))
done
cat "$output"
