// What a loop over rows does about rows that come from memory and go there: no cache holds them,
// and the loops that compute on a row leave the memory idle.
#ifndef FOVEA_PASSES_VECTOR_ROWSTREAMS_H
#define FOVEA_PASSES_VECTOR_ROWSTREAMS_H

#include "mlir/IR/IRMapping.h"
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
  /// What to store without first reading what is overwritten: whole registers, whose addresses are
  /// multiples of their size if `isLarge`. Or null.
  mlir::OpOperand *pastCaches = nullptr;
};

/// A loop each of whose iterations computes one row.
struct RowLoop {
  mlir::Block *body;
  mlir::Value row;        // the induction variable
  mlir::OpFoldResult end; // the number of rows, of all loops over the same
};

/// What one op does for the loop over rows that it is in.
struct StreamDecision {
  RowLoop loop;
  mlir::Value result; // the row that the op, or one behind it, makes
  bool fetches = false, bypasses = false;
};
using StreamDecisions = llvm::DenseMap<mlir::Operation *, StreamDecision>;

/// For all ops on buffers under `root`, before any is replaced. Only parallel loops over single
/// rows have decisions, and ops that make several rows alone.
StreamDecisions decideStreams(mlir::Operation *root);

/// Emits the computation of `isLarge` and of the rows; nothing for results that are known to be
/// small.
RowStreams emitStreams(EmitBuilder &b, mlir::linalg::GenericOp op, const VectorPlan &plan,
                       const StreamDecision &decision, const TargetInfo &target);

//===------------------------------------------------------------------------------------------===//
// Rows
//===------------------------------------------------------------------------------------------===//

/// Whether iterations of the loop are single rows.
bool isOverRows(mlir::scf::ForallOp loop);

/// Whether it is an array of one element.
bool isOneNumber(mlir::Value memref);

/// Whether the op computes functions of what differs along a row.
bool hasRowFunctions(mlir::linalg::GenericOp op);

/// What a view of a row was taken from; the memref itself if it is no view.
mlir::Value rootOf(mlir::Value memref);

/// Whether `row` begins where a row of the matrix does that it is a view of.
bool beginsRow(mlir::Value row);

/// Whether a row is over before what it asked for has come.
bool isShortRow(mlir::Value row);

/// i1: whether the matrix has so many bytes that, with an operand of its size, it fills the caches.
mlir::Value isLargerThanCaches(EmitBuilder &b, mlir::Value matrix, const TargetInfo &target);

/// i1: whether all rows of a matrix begin at an address that is a multiple of `bytes`.
mlir::Value areRowsAligned(EmitBuilder &b, mlir::Value matrix, int64_t bytes);

/// `value` of the loop's body computed anew, so that it is there at the builder's place, from what
/// `map` has in place of other values.
mlir::Value recompute(EmitBuilder &b, const RowLoop &loop, mlir::Value value, mlir::IRMapping &map);

} // namespace fovea

#endif // FOVEA_PASSES_VECTOR_ROWSTREAMS_H
