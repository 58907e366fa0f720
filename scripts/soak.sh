#!/usr/bin/env bash
# Random lives of NATS transports under the sanitizers. usage: scripts/soak.sh [JOBS]; LIVES=100000 of them
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=${1:-$(nproc)}
for preset in asan tsan; do
    cmake --preset "$preset" >/dev/null
    cmake --build --preset "$preset" -j "$jobs" --target fluxmq_security_test
    echo "soak: ${LIVES:-100000} lives under $preset"
    # The sanitizers of g++ 12 cannot map everywhere.
    FLUXMQ_SEQUENCES=${LIVES:-100000} setarch -R "build/$preset/fluxmq/fluxmq_security_test" \
        --gtest_filter='NatsLifetimes.*'
done
echo "soak: PASS"
