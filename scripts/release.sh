#!/usr/bin/env bash
# Releases a version, as `cz bump` does where commitizen is installed.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: scripts/release.sh [auto|major|minor|patch] [--dry-run]

Sets the version in CMakeLists.txt and .cz.toml, turns the Unreleased section of CHANGELOG.md into a dated one
(made from the commits where it is empty), commits "bump: version A → B", and tags it vB. It pushes nothing.

  auto       what the conventional commits since the last tag ask for: feat raises minor; fix, perf and refactor
             raise patch; a breaking change raises major, or minor while .cz.toml has major_version_zero.
             This is the default.
  --dry-run  say what would be done, and do nothing
TEXT
}

level=auto
dry_run=false
for argument in "$@"; do
    case "$argument" in
        auto | major | minor | patch) level=$argument ;;
        --dry-run) dry_run=true ;;
        -h | --help) usage; exit 0 ;;
        *) echo "release: unknown argument '$argument'" >&2; usage >&2; exit 2 ;;
    esac
done

cd "$(dirname "$0")/.."
fail() {
    echo "release: $1" >&2
    exit 1
}

[[ -z $(git status --porcelain) ]] || fail "there are uncommitted changes; commit or stash them first"
current=$(sed -nE 's/^project\(fluxlib VERSION ([0-9]+\.[0-9]+\.[0-9]+).*/\1/p' CMakeLists.txt)
[[ -n $current ]] || fail "CMakeLists.txt has no project(fluxlib VERSION x.y.z"
grep -qx "version = \"$current\"" .cz.toml || fail ".cz.toml does not have the version $current of CMakeLists.txt"
IFS=. read -r major minor patch <<<"$current"
last_tag=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null || true)

if [[ $level == auto ]]; then
    subjects=$(git log --no-merges --format=%s ${last_tag:+"$last_tag..HEAD"})
    bodies=$(git log --no-merges --format=%b ${last_tag:+"$last_tag..HEAD"})
    if grep -qE '^[a-z]+(\([^)]*\))?!:' <<<"$subjects" || grep -qE '^BREAKING[ -]CHANGE:' <<<"$bodies"; then
        level=major
        ! grep -qx 'major_version_zero = true' .cz.toml || level=minor
    elif grep -qE '^feat(\([^)]*\))?:' <<<"$subjects"; then
        level=minor
    elif grep -qE '^(fix|perf|refactor)(\([^)]*\))?:' <<<"$subjects"; then
        level="patch"
    else
        fail "no commit since ${last_tag:-the beginning} asks for a release; name a level to release all the same"
    fi
fi
case "$level" in
    major) next=$((major + 1)).0.0 ;;
    minor) next=$major.$((minor + 1)).0 ;;
    patch) next=$major.$minor.$((patch + 1)) ;;
esac
! git rev-parse -q --verify "refs/tags/v$next" >/dev/null || fail "the tag v$next exists"

echo "release: $current → $next ($level)"
if $dry_run; then
    echo "release: dry run, nothing was changed"
    exit 0
fi

sed -i -E "s/^(project\(fluxlib VERSION )[0-9.]+/\1$next/" CMakeLists.txt
sed -i -E "s/^version = \".*\"/version = \"$next\"/" .cz.toml
scripts/changelog.sh "$next"
git commit -q -a -m "bump: version $current → $next"
git tag -a -m "v$next" "v$next"
echo "release: committed and tagged v$next; publish it with: git push --follow-tags"
