#!/usr/bin/env bash
# Installs build/dev into a scratch folder and uses it from outside: by find_package, by what `fluxctl new` writes, by
# pkg-config, and, built as shared libraries, by pkg-config again. usage: tests/install/run.sh [JOBS]
set -euo pipefail
cd "$(dirname "$0")/../.."
jobs=${1:-$(nproc)}
source=$PWD/tests/install
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

use_pkg_config() { # PREFIX
    local flags
    flags=$(PKG_CONFIG_PATH="$1/lib/pkgconfig" pkg-config --cflags --libs fluxlib)
    # shellcheck disable=SC2086  # the flags are words
    g++ -std=c++20 "$source/main.cpp" -o "$1/outside" $flags
    LD_LIBRARY_PATH="$1/lib" "$1/outside"
}

# The blocks of docs/getting-started.md under a comment that begins with WORD: its own test leaves them to this one.
page_blocks() { # WORD
    sed -n "/^<!-- $1.*-->\$/,/^\`\`\`\$/p" docs/getting-started.md | grep -v -e '^<!--' -e '^```'
}

cmake --install build/dev --prefix "$work/static"
mv "$work/static" "$work/moved" # the package must not depend on where it was installed to

cmake -G Ninja -S "$source" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/moved"
cmake --build "$work/build" -j "$jobs"
"$work/build/outside"
"$work/build/outside_test"
"$work/build/outside_conformance" --gtest_brief=1
"$work/build/outside_plugin_host" "$work/build/liboutside_plugin.so"
echo "find_package: ok"

# As the page has it: `make install` installs what was installed above, but optimised, and PATH is enough to find it.
page_blocks installs | grep '^make install PREFIX='
make --dry-run install PREFIX="$work/moved" | grep "^cmake --install build/install --prefix '$work/moved'\$"
export PATH="$work/moved/bin:/usr/sbin:$PATH"
build_commands=$(page_blocks builds | awk '!seen[$0]++') # they are the same for both kinds
for kind in service node; do
    fluxctl new "$kind" my-camera --directory "$work/$kind"
    (cd "$work/$kind" && CXXFLAGS="-Wall -Wextra -Werror" CMAKE_BUILD_PARALLEL_LEVEL=$jobs bash -ex <<<"$build_commands")
done
(cd "$work/node" && fluxctl run flow.yaml --for 1s)
echo "fluxctl new: ok"

use_pkg_config "$work/moved"
echo "pkg-config: ok"

cmake --preset dev -B build/shared -DBUILD_SHARED_LIBS=ON -DFLUXLIB_BUILD_TESTS=OFF -DFLUXLIB_BUILD_EXAMPLES=OFF \
    -DCMAKE_UNITY_BUILD=ON
cmake --build build/shared -j "$jobs"
cmake --install build/shared --prefix "$work/shared"
use_pkg_config "$work/shared"
echo "shared libraries: ok"
