// The cost of loops over threads, which have no work to be compared with a ceiling.
#ifndef FOVEA_BENCH_LOOPS_H
#define FOVEA_BENCH_LOOPS_H

#include "llvm/ADT/ArrayRef.h"

namespace fovea::bench {

/// "loop/after_us:N/threads:T": the time from starting an empty loop, N microseconds after the one
/// before, until all T threads have taken part and it has ended.
void registerLoops(llvm::ArrayRef<unsigned> threads);

} // namespace fovea::bench

#endif // FOVEA_BENCH_LOOPS_H
