// The loop that measures: runs in turns with the ceiling that bounds them.
#ifndef FOVEA_BENCH_MEASURE_H
#define FOVEA_BENCH_MEASURE_H

#include "bench/Solver.h"
#include <benchmark/benchmark.h>

namespace fovea::bench {

/// Measures `run` and sets the counters of the state: the rate, the ceiling's, and their ratio,
/// each the median over stretches of some milliseconds with a measurement of the ceiling before
/// and after. Stretches in which another process had one of the CPUs do not count; if all are so,
/// they are taken by processor time, which does not show threads that wait for each other.
llvm::Error measure(benchmark::State &state, Ceilings &ceilings, const Problem &problem,
                    const Run &run);

/// The same for a ceiling alone.
void measureCeiling(benchmark::State &state, Ceilings &ceilings, Bound bound);

} // namespace fovea::bench

#endif // FOVEA_BENCH_MEASURE_H
