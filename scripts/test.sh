#!/usr/bin/env bash
# usage: scripts/test.sh [--sanitizers]
# Builds Fovea and runs every test: the unit tests and the lit suite. With --sanitizers then also the
# unit tests under AddressSanitizer and UndefinedBehaviorSanitizer and those of the threads under
# ThreadSanitizer. The last line says how many passed and failed.
set -uo pipefail
cd "$(dirname "$0")/.."
mode=${1:-}
jobs=$(nproc)
passed=0
failed=0
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

build() {
  scripts/build.sh "$@" || {
    echo "test.sh: the build failed" >&2
    echo "$passed passed, $((failed + 1)) failed"
    exit 1
  }
}

# run_unit_tests DIRECTORY [CTEST OPTIONS...]
run_unit_tests() {
  local directory=$1 log=$logs/ctest
  shift
  ctest --test-dir "$directory" -j "$jobs" --output-on-failure --progress "$@" 2>&1 |
    tee "$log" | grep -vE '^ *[0-9]+/[0-9]+ Test|Passed|^\s*$|Start +[0-9]+:' || true
  local summary total bad
  summary=$(sed -n 's/.*tests passed, \([0-9]*\) tests failed out of \([0-9]*\).*/\1 \2/p' "$log")
  read -r bad total <<<"${summary:-1 1}"
  passed=$((passed + total - bad))
  failed=$((failed + bad))
}

run_lit() {
  local lit log=$logs/lit
  lit=$(sed -n 's/^FOVEA_LIT:[^=]*=//p' build/CMakeCache.txt)
  "$lit" -v -j "$jobs" build/tests 2>&1 | tee "$log" | grep -v '^PASS:\|^UNSUPPORTED:'
  local good bad
  good=$(sed -n 's/^ *Passed *: *\([0-9]*\).*/\1/p' "$log")
  bad=$(sed -n 's/^ *\(Failed\|Unresolved\|Timed Out\|Unexpectedly Passed\) *: *\([0-9]*\).*/\2/p' \
    "$log" | awk "{ sum += \$1 } END { print sum + 0 }")
  [ -n "$good" ] || bad=1
  passed=$((passed + ${good:-0}))
  failed=$((failed + ${bad:-0}))
}

echo "== release: unit tests"
build release
run_unit_tests build -E '^lit$'
echo "== release: lit"
run_lit

if [ "$mode" = --sanitizers ]; then
  echo "== AddressSanitizer, UndefinedBehaviorSanitizer: unit tests"
  build asan
  run_unit_tests build-asan -E '^lit$'
  echo "== ThreadSanitizer: unit tests of the runtime"
  build tsan fovea-runtime-tests
  run_unit_tests build-tsan -E '^lit$|_NOT_BUILT$'
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
