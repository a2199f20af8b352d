#!/usr/bin/env bash
# usage: scripts/bench_peers.sh attention|generate [--rounds N] [--only REGEX] [--threads N,N]
# Installs ONNX Runtime and llama.cpp as Node packages into build/peers (Debian: npm), then runs Fovea in
# turns with them and prints what each reaches: medians over the rounds and, in brackets, the best.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/build.sh release fovea fovea-bench >&2
mkdir -p build/peers
if ! cmp -s bench/peers/node/package.json build/peers/package.json; then
  cp bench/peers/node/package.json build/peers/
  npm --prefix build/peers install --ignore-scripts --omit=dev >&2
fi
exec bench/peers/node/compare.py "$@"
