#!/usr/bin/env bash
# Runs scripts/release.sh in a repository of its own and looks at versions, changelog, commit and tag.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=tester GIT_AUTHOR_EMAIL=tester@example.org
export GIT_COMMITTER_NAME=tester GIT_COMMITTER_EMAIL=tester@example.org

fail() {
    echo "test_release: $1" >&2
    exit 1
}
expect() { # WHAT ACTUAL WANTED
    [[ $2 == "$3" ]] || fail "$1 is '$2', expected '$3'"
}
expect_released() { # VERSION SUBJECT
    expect "the version of CMakeLists.txt" "$(sed -nE 's/^project\(fluxlib VERSION ([0-9.]+).*/\1/p' CMakeLists.txt)" "$1"
    expect "the version of .cz.toml" "$(sed -nE 's/^version = "(.*)"/\1/p' .cz.toml)" "$1"
    expect "the commit" "$(git log -1 --format=%s)" "$2"
    expect "the tag" "$(git describe --tags --exact-match)" "v$1"
    expect "the work tree" "$(git status --porcelain)" ""
    grep -qx "## \[$1\] - $(date +%F)" CHANGELOG.md || fail "CHANGELOG.md has no dated section $1"
    grep -qx '## \[Unreleased\]' CHANGELOG.md || fail "CHANGELOG.md lost its Unreleased section"
}
section() { # VERSION: its lines that are not blank
    awk -v start="## [$1]" '/^## /{inside = index($0, start) == 1; next} inside && NF' CHANGELOG.md
}
commit() { git commit -q -a --allow-empty -m "$1" ${2:+-m "$2"}; }
refused() { # WHY ARGUMENT...
    local why=$1 output
    shift
    if output=$(scripts/release.sh "$@" 2>&1); then fail "release.sh $* was not refused"; fi
    [[ $output == *"$why"* ]] || fail "release.sh $* says '$output', expected '$why'"
}

# The project's own version files, with versions of the test's own.
git init -q "$work/repo"
cd "$work/repo"
mkdir scripts
cp "$root/scripts/release.sh" "$root/scripts/changelog.sh" scripts/
sed -E 's/^(project\(fluxlib VERSION )[0-9.]+/\10.0.9/' "$root/CMakeLists.txt" >CMakeLists.txt
sed -E 's/^version = .*/version = "0.0.9"/; s/^(major_version_zero =).*/\1 true/' "$root/.cz.toml" >.cz.toml
printf '# Changelog\n\n## [Unreleased]\n\n### Added\n\n- Written by hand.\n' >CHANGELOG.md
expect "the version in the project's .cz.toml" "$(sed -nE 's/^version = "(.*)"/\1/p' "$root/.cz.toml")" \
    "$(sed -nE 's/^project\(fluxlib VERSION ([0-9.]+).*/\1/p' "$root/CMakeLists.txt")"
git add -A
commit "feat: begin"

touch stray
refused "uncommitted changes"
rm stray
refused "unknown argument" sideways

before=$(git rev-parse HEAD)
scripts/release.sh --dry-run >/dev/null
expect "HEAD after a dry run" "$(git rev-parse HEAD)$(git tag)" "$before"

scripts/release.sh >/dev/null
expect_released 0.1.0 "bump: version 0.0.9 → 0.1.0"
expect "the first section" "$(section 0.1.0)" $'### Added\n- Written by hand.'

commit "docs: explain"
refused "asks for a release"

commit "fix(nats): count drops"
commit "chore: tidy"
scripts/release.sh >/dev/null
expect_released 0.1.1 "bump: version 0.1.0 → 0.1.1"
expect "a section made of commits" "$(section 0.1.1)" $'### Fixed\n- Count drops'

commit "feat: add queues"
commit "fix: close twice"
scripts/release.sh >/dev/null
expect_released 0.2.0 "bump: version 0.1.1 → 0.2.0"
expect "a section of two kinds" "$(section 0.2.0)" $'### Added\n- Add queues\n### Fixed\n- Close twice'

commit "refactor!: rename hooks"
scripts/release.sh >/dev/null
expect_released 0.3.0 "bump: version 0.2.0 → 0.3.0"

scripts/release.sh major >/dev/null
expect_released 1.0.0 "bump: version 0.3.0 → 1.0.0"

sed -i '/^major_version_zero/d' .cz.toml
commit "fix: subtle" "BREAKING CHANGE: the default differs"
scripts/release.sh auto >/dev/null
expect_released 2.0.0 "bump: version 1.0.0 → 2.0.0"

sed -i 's/^version = .*/version = "9.9.9"/' .cz.toml
git commit -qam "chore: drift"
refused ".cz.toml does not have" patch

echo "test_release: ok"
