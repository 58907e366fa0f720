#!/usr/bin/env bash
# Builds the demo quietly, without what only tests need. usage: scripts/build-demo.sh [JOBS]
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=${1:-$(nproc)}
log=build/demo.log
mkdir -p build

quietly() {
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        echo "demo: the build failed" >&2
        exit 1
    fi
}

if [[ ! -e build/dev/build.ninja ]]; then
    echo "demo: configuring build/dev"
    quietly cmake --preset dev -DFLUXLIB_BUILD_TESTS=OFF
fi
if [[ ! -e build/dev/examples/demo ]]; then
    echo "demo: building it; the first time takes a minute or two"
fi
quietly cmake --build --preset dev -j "$jobs" --target demo
echo "demo: running build/dev/examples/demo"
