#!/usr/bin/env bash
# Runs the fuzz targets, one after the other. See --help.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=20
runs=0
build=true

usage() {
    cat <<TEXT
usage: scripts/fuzz.sh [--seconds N | --runs N] [--no-build] [--list] [TARGET...]

Builds the fuzz targets (preset fuzz: clang 19, address and undefined-behaviour sanitizers) and runs all of them, or
those that are named. At the end there is a table, and a last line that begins with 'fuzz: PASS' or 'fuzz: FAIL'.

  --seconds N  each target for so long (default: $seconds)
  --runs N     each target for so many executions, however long that takes
  --no-build   the programs are built
  --list       print the names of the targets

What a target learns is kept in build/fuzz/corpus, so that the next run goes on from there; what it finds is in
build/fuzz/findings, and its output in build/fuzz/logs. Exit code: 0; 1 when something was found; 2 for wrong usage.
TEXT
}

fail_usage() {
    echo "fuzz: $1" >&2
    usage >&2
    exit 2
}

number() { [[ ${2:-} =~ ^[1-9][0-9]*$ ]] && echo "$2" || fail_usage "$1 needs a number from 1"; }

mapfile -t known < <(find fluxmq/fuzz/corpus fluxlib/fuzz/corpus -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort)
targets=()
while [[ $# -gt 0 ]]; do
    case "$1" in
        --seconds) seconds=$(number "$@"); shift ;;
        --runs) runs=$(number "$@"); shift ;;
        --no-build) build=false ;;
        --list) printf '%s\n' "${known[@]}"; exit 0 ;;
        -h | --help) usage; exit 0 ;;
        -*) fail_usage "there is no option '$1'" ;;
        *)
            [[ " ${known[*]} " == *" $1 "* ]] || fail_usage "there is no target '$1'; the targets: ${known[*]}"
            targets+=("$1")
            ;;
    esac
    shift
done
[[ ${#targets[@]} -gt 0 ]] || targets=("${known[@]}")

out=build/fuzz
mkdir -p "$out/logs"
if $build; then
    echo "fuzz: building"
    if ! { cmake --preset fuzz && cmake --build --preset fuzz -j "${JOBS:-$(nproc)}"; } >"$out/logs/build.log" 2>&1; then
        tail -n 40 "$out/logs/build.log"
        echo "fuzz: FAIL, it does not build"
        exit 1
    fi
fi

# Bytes of an input at most. Where more would only repeat what fits already, short inputs are more of them.
longest() {
    case "$1" in
        header_block | out_frames) echo 96 ;;
        url) echo 64 ;;
        subject) echo 40 ;;
        read_buffer) echo 16 ;;
        *) echo 256 ;;
    esac
}

limit=("-max_total_time=$seconds")
[[ $runs -eq 0 ]] || limit=("-runs=$runs")
# Little is kept of memory that was freed, which is most of the time of a short execution.
export ASAN_OPTIONS="strict_string_checks=1:quarantine_size_mb=64:allocator_release_to_os_interval_ms=-1:malloc_context_size=8:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS:-}"

rows=()
found=()
total=0
for target in "${targets[@]}"; do
    corpus=$out/corpus/$target
    findings=$out/findings/$target
    log=$out/logs/$target.log
    mkdir -p "$corpus" "$findings"
    options=("${limit[@]}" "-max_len=$(longest "$target")" -timeout=10 -print_final_stats=1 -verbosity=1
        "-artifact_prefix=$findings/")
    for dictionary in */fuzz/dict/"$target.dict"; do
        [[ ! -e $dictionary ]] || options+=("-dict=$dictionary")
    done
    printf '[%d/%d] %-13s ' $((${#rows[@]} + 1)) ${#targets[@]} "$target"
    began=$SECONDS
    result=ok
    "$out/targets/fuzz_$target" "${options[@]}" "$corpus" */fuzz/corpus/"$target" >"$log" 2>&1 </dev/null || result=FOUND
    took=$((SECONDS - began))
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    coverage=$(sed -n 's/^#.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    total=$((total + ${executions:-0}))
    rows+=("$(printf '%-13s %11s %9s %9s %8s  %s' "$target" "${executions:-?}" "${rate:-?}" "${coverage:-?}" "$took" "$result")")
    [[ $result == ok ]] || found+=("$target")
    echo "$result, ${executions:-?} executions in $took s"
done

echo
printf '%-13s %11s %9s %9s %8s  %s\n' target executions 'a second' coverage seconds result
printf '%s\n' "${rows[@]}"
echo
for target in "${found[@]}"; do
    echo "$target: $(grep -m 1 -E 'what\(\):|ERROR: |runtime error:|SUMMARY: ' "$out/logs/$target.log" || true)"
    input=$(sed -n 's/.*Test unit written to \(.*\)$/\1/p' "$out/logs/$target.log" | tail -n 1)
    echo "  all of it: $out/logs/$target.log; again: $out/targets/fuzz_$target ${input:-}"
done
if [[ ${#found[@]} -gt 0 ]]; then
    echo "fuzz: FAIL targets=${#targets[@]} executions=$total found=${#found[@]}"
    exit 1
fi
echo "fuzz: PASS targets=${#targets[@]} executions=$total found=0"
