// Parts of the weights of many heads, `softmax(q @ k.T)[:, :, 0] @ v`, are made from the same parts
// of queries and keys. Each is then the weights of an attention of its own.
#ifndef FOVEA_PASSES_RAISE_WEIGHTSLICES_H
#define FOVEA_PASSES_RAISE_WEIGHTSLICES_H

#include "mlir/IR/Operation.h"

namespace fovea {

/// Rewrites the slices of every softmax of a product of queries and keys in the function of which
/// nothing else is used. All keys are in each of them.
void sliceScoresFirst(mlir::Operation *function);

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_WEIGHTSLICES_H
