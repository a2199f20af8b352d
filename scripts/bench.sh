#!/usr/bin/env bash
# usage: scripts/bench.sh [--docs] [-o FILE] [FLAG...]
# Builds the benchmark suite and runs it, five repetitions of each benchmark, into a JSON file
# (build/bench.json), then prints the tables. FLAGs go to fovea-bench, such as
# --benchmark_filter=REGEX, --threads=1 or --patience=600, which waits that many seconds in all for
# other processes to pause. With --docs, writes the tables into docs/performance.md and draws
# docs/roofline.svg; where the CPU has AVX-512, attention is measured in code for AVX2 as well.
set -euo pipefail
cd "$(dirname "$0")/.."
output=build/bench.json
docs=
flags=()
while [ $# -gt 0 ]; do
  case $1 in
  --docs) docs=1 ;;
  -o)
    output=${2:?bench.sh: -o needs a file}
    shift
    ;;
  -h | --help)
    sed -n '2,/^set/{/^#/s/^# \?//p}' "$0"
    exit 0
    ;;
  *) flags+=("$1") ;;
  esac
  shift
done

scripts/build.sh release fovea-bench >&2

# Idle threads of the peers would spin through the measurements of others.
export OMP_WAIT_POLICY=passive OPENBLAS_THREAD_TIMEOUT=4
measure() { # FILE FLAG...
  build/bin/fovea-bench --benchmark_repetitions=5 --benchmark_min_time=0.1 \
    --benchmark_display_aggregates_only=true --benchmark_out="$1" \
    --benchmark_out_format=json "${@:2}" >&2
}
measure "$output" "${flags[@]}"

if [ -z "$docs" ]; then
  bench/report.py "$output"
  exit
fi
bench/report.py "$output" --update docs/performance.md --roofline docs/roofline.svg
if grep -qw avx512f /proc/cpuinfo; then
  narrow=${output%.json}-avx2.json
  measure "$narrow" --cpu=znver3 --benchmark_filter='^fovea/(attention|matmul|projection/rows:512)'
  bench/report.py "$narrow" --suffix=avx2 --update docs/performance.md
fi
