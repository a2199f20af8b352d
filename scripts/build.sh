#!/usr/bin/env bash
# usage: scripts/build.sh [PRESET [TARGET...]]
# Installs what is missing, configures and builds; quick when nothing changed. Presets: release
# (the default), debug, asan, tsan.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
[ $# -gt 0 ] && shift
build=build
[ "$preset" = release ] || build=build-$preset

scripts/setup.sh
[ -f "$build/build.ninja" ] || cmake --preset "$preset" >&2
# Ninja redraws one line on a terminal; into a file or pipe only its errors are of interest.
if [ -t 1 ]; then
  ninja -C "$build" "$@"
else
  ninja -C "$build" --quiet "$@"
fi
