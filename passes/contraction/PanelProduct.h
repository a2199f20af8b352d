// Which contractions are computed on panels, and which are sums for the vectoriser.
#ifndef FOVEA_PASSES_CONTRACTION_PANELPRODUCT_H
#define FOVEA_PASSES_CONTRACTION_PANELPRODUCT_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace fovea {

/// Whether a contraction has nothing to gain from panels: one factor has no loop beside those of
/// the batch and of the sum, so that there are no tiles of products, and neighbours in the other
/// one are of different elements of the batch, or of a short sum whose neighbours in the result
/// are. A product of panels would go through memory in strides. What is summed in wider floats than
/// the result's is none: only panels do that.
bool isBatchedSum(mlir::linalg::LinalgOp op);

/// Whether the op is a contraction and no batched sum.
bool isPanelProduct(mlir::Operation *op);

} // namespace fovea

#endif // FOVEA_PASSES_CONTRACTION_PANELPRODUCT_H
