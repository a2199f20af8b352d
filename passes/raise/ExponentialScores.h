// Exponentials of scores on their way to the values that they weigh: moved, widened, rounded.
#ifndef FOVEA_PASSES_RAISE_EXPONENTIALSCORES_H
#define FOVEA_PASSES_RAISE_EXPONENTIALSCORES_H

#include "mlir/IR/Operation.h"

namespace fovea {

/// The only input of an op that moves, widens or rounds elements.
mlir::OpOperand *movedOperand(mlir::Operation *op);

/// Whether the function, other than detached regions of matchers, uses the tensor once.
bool isUsedOnce(mlir::Value tensor);

/// Follows an operand back through roundings and dropout, the last op first.
mlir::Value followRoundings(mlir::Value tensor, llvm::SmallVectorImpl<mlir::Operation *> &path);

/// Whether an element is the exponential of an expression of scores, times 0 or 1 perhaps.
bool isExponentialOfScores(mlir::Value element);

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_EXPONENTIALSCORES_H
