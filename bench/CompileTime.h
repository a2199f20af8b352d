// How long it takes from the text of a description to code that can be called.
#ifndef FOVEA_BENCH_COMPILETIME_H
#define FOVEA_BENCH_COMPILETIME_H

#include "bench/Problem.h"
#include <benchmark/benchmark.h>

namespace fovea::bench {

/// Reads and compiles the graph anew in each iteration. The counters are the milliseconds of each
/// phase and in all, medians over the iterations that no other process disturbed, if there are any.
llvm::Error measureCompilation(benchmark::State &state, const CompileProblem &problem,
                               unsigned threads);

} // namespace fovea::bench

#endif // FOVEA_BENCH_COMPILETIME_H
