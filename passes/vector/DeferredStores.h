// Where one loop computes functions of a row into scratch memory and another one makes the result
// of it (softmax: exponentials, then each times 1 / their sum), the second is shorter than the
// transfer of what it stores, and the first longer. So the result of a row is made while the
// functions of the next one are computed, element by element just before these take its place:
//
//   for a few rows                          a task, if the result is larger than the caches
//     for each row
//       maximum
//       first row: exponentials             else also: y[row - 1] = exponentials * r, past the
//       caches r = 1 / sum
//     y[last row] = exponentials * r
//
// No bit changes: only when a row is stored.
#ifndef FOVEA_PASSES_VECTOR_DEFERREDSTORES_H
#define FOVEA_PASSES_VECTOR_DEFERREDSTORES_H

#include "passes/vector/RowStreams.h"

namespace fovea {

/// Rewrites the parallel loops under `root` that are so, and returns what their new ops do.
StreamDecisions deferStores(mlir::Operation *root, const TargetInfo &target);

} // namespace fovea

#endif // FOVEA_PASSES_VECTOR_DEFERREDSTORES_H
