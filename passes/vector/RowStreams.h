// What a loop over rows does about rows that come from memory and go there: no cache holds them,
// and the loops that compute on a row leave the memory idle.
#ifndef FOVEA_PASSES_VECTOR_ROWSTREAMS_H
#define FOVEA_PASSES_VECTOR_ROWSTREAMS_H

#include "passes/vector/EmitBuilder.h"
#include "passes/vector/VectorPlan.h"

namespace fovea {

/// A row to fetch while another one is computed on.
struct RowPrefetch {
  mlir::OpOperand *like; // the operand whose indices lead to it
  mlir::Value row;
  bool isWrite;
};

struct RowStreams {
  mlir::Value isLarge; // i1: whether the caches are too small for the result; what follows is if so
  llvm::SmallVector<RowPrefetch> prefetches;
  /// Store without first reading what is overwritten: whole registers, whose addresses are
  /// multiples of their size if `isLarge`.
  bool bypassCaches = false;
};

/// What one op does for the parallel loop that it is in.
struct StreamDecision {
  mlir::scf::ForallOp loop;
  mlir::Value result; // the row that the loop makes
  bool fetches = false, bypasses = false;
};

/// For all ops on buffers under `root`, before any is replaced. Only parallel loops over single
/// rows have decisions.
llvm::DenseMap<mlir::Operation *, StreamDecision> decideStreams(mlir::Operation *root);

/// Emits the computation of `isLarge` and of the rows; nothing for results that are known to be
/// small.
RowStreams emitStreams(EmitBuilder &b, mlir::linalg::GenericOp op, const VectorPlan &plan,
                       const StreamDecision &decision, const TargetInfo &target);

} // namespace fovea

#endif // FOVEA_PASSES_VECTOR_ROWSTREAMS_H
