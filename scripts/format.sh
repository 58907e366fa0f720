#!/usr/bin/env bash
# Formats all C++ sources in place, or with --check says which are not formatted.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=(-i)
[[ ${1:-} != --check ]] || mode=(--dry-run -Werror)
git ls-files -z --cached --others --exclude-standard '*.cpp' '*.hpp' |
    while IFS= read -r -d '' file; do [[ ! -e $file ]] || printf '%s\0' "$file"; done |
    xargs -0 --no-run-if-empty clang-format-19 "${mode[@]}"
