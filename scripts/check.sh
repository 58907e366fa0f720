#!/usr/bin/env bash
# The checks, in the order of their cost. usage: scripts/check.sh [--list | --all | --without STEP | STEP...]
# Without arguments: what CI checks. The rest repeats it with the other compiler.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc)}
logs=build/check

steps=(
    "format      sources are formatted as .clang-format says"
    "layers      who may include what; public headers are short; CMake lists every source"
    "release     scripts/release.sh versions, dates and tags"
    "dev         g++: no warnings, all tests"
    "headers     each public header compiles alone"
    "tidy        clang-tidy over the libraries, fluxctl and the stock nodes"
    "install     an outside project uses the installed package"
    "bench       an optimised build, in which every benchmark runs once"
    "fuzz        the fuzz targets build with libFuzzer, and run for a moment each"
    "asan        g++: all tests under the address sanitizer"
    "tsan-clang  clang++: no warnings, all tests under the thread and undefined-behaviour sanitizers"
)
more_steps=(
    "dev-clang   clang++: all tests without a sanitizer"
    "asan-clang  clang++: all tests under the address sanitizer"
    "tsan        g++: all tests under the thread and undefined-behaviour sanitizers"
)

build() { cmake --preset "$1" && cmake --build --preset "$1" -j "$jobs"; }

build_and_test() {
    build "$1"
    # More address randomness than the sanitizers of g++ 12 and clang 14 can map fails at their start.
    local wrapper=()
    if [[ $(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 28) -gt 28 ]] && setarch -R true 2>/dev/null; then
        wrapper=(setarch -R)
    fi
    "${wrapper[@]}" ctest --preset "$1" -j "$jobs"
}

step_format() { scripts/format.sh --check; }
step_layers() { scripts/check_layers.py --self-test && scripts/check_layers.py; }
step_release() { scripts/test_release.sh; }
step_dev() { build_and_test dev; }
step_dev_clang() { build_and_test dev-clang; }
step_headers() { cmake --preset dev-clang && cmake --build --preset dev-clang -j "$jobs" --target header_check; }
step_tidy() {
    cmake --preset tidy
    cmake --build build/tidy --target fluxmq/CMakeFiles/fluxmq.dir/cmake_pch.hxx.pch
    local batches seen source
    mapfile -t batches < <(sed -n 's/^ *"file": "\(.*\)",*$/\1/p' build/tidy/compile_commands.json | grep -v cmake_pch)
    seen="${batches[*]} $(cat "${batches[@]}")"
    for source in $(git ls-files --cached --others --exclude-standard \
        {fluxmq,fluxlib,fluxctl,nodes}/src/'*.cpp' {fluxmq,fluxlib}/testing/'*.cpp'); do
        if [[ $seen != *"/$source"* ]]; then
            echo "no batch has $source: is it in the CMakeLists.txt of its folder?"
            exit 1
        fi
    done
    printf '%s\0' "${batches[@]}" | xargs -0 -n 1 -P "$jobs" clang-tidy-19 --quiet -p build/tidy
}
step_install() { build dev && tests/install/run.sh "$jobs"; }
step_bench() { cmake --preset release && cmake --build --preset release -j "$jobs" --target run_bench_quick; }
step_fuzz() { scripts/fuzz.sh --seconds 1; }
step_asan() { build_and_test asan; }
step_asan_clang() { build_and_test asan-clang; }
step_tsan() { build_and_test tsan; }
step_tsan_clang() { build_and_test tsan-clang; }

usual=()
for step in "${steps[@]}"; do usual+=("${step%% *}"); done
all=("${usual[@]}")
for step in "${more_steps[@]}"; do all+=("${step%% *}"); done
list() {
    printf '  %s\n' "${steps[@]}"
    echo "and with --all:"
    printf '  %s\n' "${more_steps[@]}"
}

is_one_of() { # WORD WORDS...
    local each
    for each in "${@:2}"; do [[ $each != "$1" ]] || return 0; done
    return 1
}
must_be_one_of() { # WORD WORDS...
    is_one_of "$@" && return
    echo "check: there is no step '$1'; the steps: ${*:2}" >&2
    exit 2
}

wanted=()
left_out=()
while [[ $# -gt 0 ]]; do
    case "$1" in
        --list) list; exit 0 ;;
        -h | --help)
            echo "usage: scripts/check.sh [--list | --all | --without STEP | STEP...]; the steps:"
            list
            exit 0
            ;;
        --all) wanted=("${all[@]}") ;;
        --without)
            left_out+=("${2:-}")
            shift
            ;;
        *)
            must_be_one_of "$1" "${all[@]}"
            wanted+=("$1")
            ;;
    esac
    shift || break
done
[[ ${#wanted[@]} -gt 0 ]] || wanted=("${usual[@]}")
for name in "${left_out[@]}"; do must_be_one_of "$name" "${wanted[@]}"; done
for i in "${!wanted[@]}"; do
    ! is_one_of "${wanted[i]}" "${left_out[@]}" || unset "wanted[i]"
done

if [[ ${#wanted[@]} -eq 0 ]]; then
    echo "check: no step is left" >&2
    exit 2
fi

mkdir -p "$logs"
start=$SECONDS
number=0
for name in "${wanted[@]}"; do
    number=$((number + 1))
    printf '[%d/%d] %-11s ' "$number" "${#wanted[@]}" "$name"
    began=$SECONDS
    log="$logs/$name.log"
    # A shell of its own, because set -e has no effect inside a condition.
    set +e
    (set -e; "step_${name//-/_}") >"$log" 2>&1 </dev/null
    code=$?
    set -e
    if [[ $code -ne 0 ]]; then
        echo "FAILED after $((SECONDS - began)) s"
        tail -n 80 "$log"
        echo "check: FAIL step=$name (all of it in $log; again with: scripts/check.sh $name)"
        exit 1
    fi
    tests=$(sed -n 's/.*tests passed, 0 tests failed out of \([0-9]*\)$/, \1 tests/p' "$log")
    echo "ok, $((SECONDS - began)) s$tests"
done
echo "check: PASS steps=$number time=$((SECONDS - start))s"
