// Scores that weigh values without a softmax, as in retention or sigmoid attention.
#ifndef FOVEA_PASSES_RAISE_UNNORMALIZEDWEIGHTS_H
#define FOVEA_PASSES_RAISE_UNNORMALIZEDWEIGHTS_H

#include "mlir/IR/Operation.h"

namespace fovea {

/// Says that they stay several kernels: products of batches of queries and keys whose elements are
/// changed and then contracted with values. Products with weights of the model are layers of
/// another kind.
void remarkUnnormalizedWeights(mlir::Operation *function);

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_UNNORMALIZEDWEIGHTS_H
