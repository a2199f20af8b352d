// Products of the same rows with two weights, as those of a gate and of what it lets through. Of
// few rows they are computed at once, from half as many panels of each weight: by turns, each
// weight would be read in pieces, and at each piece the processor's prefetchers begin anew.
#ifndef FOVEA_PASSES_CONTRACTION_SIBLINGPRODUCTS_H
#define FOVEA_PASSES_CONTRACTION_SIBLINGPRODUCTS_H

#include "passes/contraction/EmitContraction.h"
#include "llvm/ADT/MapVector.h"

namespace fovea {

/// The op behind `first` that multiplies the same rows by as many columns of another factor, if
/// `first` can be computed there as well: nothing in between touches memory but the clearing of
/// what that op adds to. Null if there is none.
mlir::linalg::GenericOp findSibling(const Contraction &first);

/// Pairs of siblings among the contractions of `ops`, in their order, no op in two: from first to
/// second.
llvm::MapVector<mlir::Operation *, mlir::Operation *>
findSiblings(llvm::ArrayRef<mlir::linalg::LinalgOp> ops);

/// Neither reads nor writes memory.
bool leavesMemoryAlone(mlir::Operation *op);

} // namespace fovea

#endif // FOVEA_PASSES_CONTRACTION_SIBLINGPRODUCTS_H
