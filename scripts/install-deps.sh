#!/usr/bin/env bash
# Installs the Debian packages that a group of tasks needs, and only those that are missing.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: scripts/install-deps.sh [--list] [build] [test] [bench] [fuzz] [check]

Installs what is missing with apt-get, through sudo when not root. Without a group: build and test.
Where nothing is missing it says so and calls no apt.

  build   compiler, CMake, Ninja, ccache, Boost, OpenSSL, spdlog: libraries, examples, demo
  test    build, GoogleTest, nats-server and libnats (the peer that we compare with)
  bench   build, nats-server, and the peers that we measure beside ours: libnats, ZeroMQ, CAF
  fuzz    build, clang 19 with libFuzzer and its sanitizers, lld
  check   test, bench, clang 19 with its sanitizers, clang-format, clang-tidy, lld, git and Python
  --list  print the packages of the groups, and install nothing
TEXT
}

build=(g++ make cmake ninja-build ccache pkg-config libboost1.81-dev libboost-json1.81-dev libssl-dev
    libspdlog-dev libfmt-dev libcli11-dev libyaml-cpp-dev)
test=("${build[@]}" libgtest-dev libgmock-dev nats-server libnats-dev)
bench=("${build[@]}" nats-server libnats-dev libzmq3-dev libcaf-dev)
fuzz=("${build[@]}" clang-19 libclang-rt-19-dev lld-19)
check=("${test[@]}" "${bench[@]}" "${fuzz[@]}" clang-format-19 clang-tidy-19 git python3)

list=false
wanted=()
groups=()
for argument in "$@"; do
    case "$argument" in
        build) wanted+=("${build[@]}") groups+=(build) ;;
        test) wanted+=("${test[@]}") groups+=(test) ;;
        bench) wanted+=("${bench[@]}") groups+=(bench) ;;
        fuzz) wanted+=("${fuzz[@]}") groups+=(fuzz) ;;
        check) wanted+=("${check[@]}") groups+=(check) ;;
        --list) list=true ;;
        -h | --help) usage; exit 0 ;;
        *) echo "install-deps: unknown argument '$argument'" >&2; usage >&2; exit 2 ;;
    esac
done
if [[ ${#groups[@]} -eq 0 ]]; then
    wanted=("${test[@]}") groups=(build test)
fi
mapfile -t wanted < <(printf '%s\n' "${wanted[@]}" | sort -u)

if $list; then
    printf '%s\n' "${wanted[@]}"
    exit 0
fi

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "install-deps: this is not Debian. Install what these Debian 12 packages hold:" >&2
    printf '  %s\n' "${wanted[@]}" >&2
    exit 1
fi

installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null |
    sed -n 's/ installed$//p' || true)
mapfile -t missing < <(comm -23 <(printf '%s\n' "${wanted[@]}") <(sort -u <<<"$installed"))
if [[ ${#missing[@]} -eq 0 ]]; then
    echo "install-deps: everything for ${groups[*]} is installed"
    exit 0
fi

echo "install-deps: installing ${missing[*]}"
as_root=()
if [[ $EUID -ne 0 ]]; then
    if ! command -v sudo >/dev/null; then
        echo "install-deps: not root, and there is no sudo; as root run: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run() {
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "$@" >"$log" 2>&1; then
        cat "$log" >&2
        echo "install-deps: '$*' failed; FluxLib is built on Debian 12 (bookworm)" >&2
        exit 1
    fi
}
run apt-get update
run apt-get install -y --no-install-recommends "${missing[@]}"
echo "install-deps: done"
