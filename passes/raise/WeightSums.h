// Values that sums of softmaxes weigh, as differential attention has them (arXiv:2410.05258),
// become sums of what each weighs: `(a - l * b) @ v` becomes `a @ v - l * (b @ v)`, the same up to
// rounding. Each softmax is then the weights of an attention of its own.
#ifndef FOVEA_PASSES_RAISE_WEIGHTSUMS_H
#define FOVEA_PASSES_RAISE_WEIGHTSUMS_H

#include "mlir/IR/Operation.h"

namespace fovea {

/// Rewrites every product of values with such a sum in the function. Factors and divisors are the
/// same for all keys; at most one term is no softmax of a product of queries and keys.
void splitWeightSums(mlir::Operation *function);

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_WEIGHTSUMS_H
