#!/usr/bin/env bash
# Turns the Unreleased section of CHANGELOG.md into that of a version, dated today. Where it is empty, it is
# written from the commits since the last tag.
# usage: scripts/changelog.sh [VERSION]     (without: CZ_PRE_NEW_VERSION, as `cz bump` calls it)
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:-${CZ_PRE_NEW_VERSION:?a version is needed}}

# Entries made of the conventional commits of some types.
entries_from_commits() { # TYPE-REGEX
    git log --no-merges --reverse --format=%s ${last_tag:+"$last_tag..HEAD"} |
        sed -nE "s/^($1)(\([^)]*\))?!?: +(.)(.*)/- \U\3\E\4/p"
}

last_tag=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null || true)
has_entries=$(awk '/^## /{inside = /^## \[?Unreleased/} inside && /^[-*] /{print "yes"; exit}' CHANGELOG.md)
generated=$(mktemp)
trap 'rm -f "$generated"' EXIT
if [[ -z $has_entries ]]; then
    for section in Added:feat Changed:perf\|refactor Fixed:fix; do
        entries=$(entries_from_commits "${section#*:}")
        [[ -z $entries ]] || printf '\n### %s\n\n%s\n' "${section%%:*}" "$entries" >>"$generated"
    done
fi

awk -v version="$version" -v day="$(date +%F)" -v generated="$generated" '
    /^## \[?Unreleased/ && !done {
        print
        printf "\n## [%s] - %s\n", version, day
        while ((getline line <generated) > 0) print line
        done = 1
        next
    }
    { print }
    END { if (!done) exit 1 }
' CHANGELOG.md >CHANGELOG.md.new || {
    rm -f CHANGELOG.md.new
    echo "changelog: CHANGELOG.md has no line '## [Unreleased]'" >&2
    exit 1
}
mv CHANGELOG.md.new CHANGELOG.md
