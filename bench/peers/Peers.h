// The libraries that Fovea is compared with, where the build has them.
#ifndef FOVEA_BENCH_PEERS_PEERS_H
#define FOVEA_BENCH_PEERS_PEERS_H

#include "bench/Solver.h"

namespace fovea::bench {

/// Matrix products by sgemm, attention as sgemm, softmax, sgemm.
Solver openBlasSolver();

/// Matrix products by the matmul primitive.
Solver oneDnnSolver();

/// A product y = a @ b of the contraction graphs, with b as it lies in memory.
struct Product {
  int64_t rows, inner, columns;
  const float *a, *b;
  bool transposed; // b is [columns, inner]
  float *y;
};
bool isProduct(const Problem &problem);
Product productOf(Instance &instance);

} // namespace fovea::bench

#endif // FOVEA_BENCH_PEERS_PEERS_H
