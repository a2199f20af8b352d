// Products of the same rows with two weights, as those of a gate and of what it lets through. Of
// few rows they are computed at once, from half as many panels of each weight: by turns, each
// weight would be read in pieces, and at each piece the processor's prefetchers begin anew.
#ifndef FOVEA_PASSES_CONTRACTION_SIBLINGPRODUCTS_H
#define FOVEA_PASSES_CONTRACTION_SIBLINGPRODUCTS_H

#include "passes/contraction/EmitContraction.h"
#include "llvm/ADT/MapVector.h"

namespace fovea {

/// Pairs of siblings among the contractions of `ops`, in their order, no op in two: from first to
/// second, where the first can be computed as well.
llvm::MapVector<mlir::Operation *, mlir::Operation *>
findSiblings(llvm::ArrayRef<mlir::linalg::LinalgOp> ops);

} // namespace fovea

#endif // FOVEA_PASSES_CONTRACTION_SIBLINGPRODUCTS_H
