// Builds attn.attention as an AttentionPlan says: moves the score expression into the op's regions
// and puts the results in place of the graph's.
#ifndef FOVEA_PASSES_RAISE_RAISEATTENTION_H
#define FOVEA_PASSES_RAISE_RAISEATTENTION_H

#include "passes/raise/AttentionPlan.h"

namespace fovea {

/// Gives the values of a score's indices, in terms of the region's arguments b, h, i, j: the
/// element at score dim n of `indices` stands for argument n of the match's region.
using IndexMap = llvm::function_ref<void(mlir::OpBuilder &, mlir::ValueRange bhij,
                                         llvm::MutableArrayRef<mlir::Value> indices)>;

/// Creates the op before `builder`'s insertion point, with the whole score expression in the
/// score region and alignment top_left, so that row r is position r. `mapIndices` may change
/// the indices that the expression is evaluated at.
attn::AttentionOp createAttention(mlir::OpBuilder &builder, mlir::Location loc,
                                  const AttentionPlan &plan, mlir::Type outputElement,
                                  IndexMap mapIndices = nullptr);

/// Puts the results in place of what they replace and erases what is then unused; the erased ops
/// are added to `erased`.
void replaceWithAttention(const AttentionPlan &plan, ValueContraction &values,
                          attn::AttentionOp attention, llvm::DenseSet<mlir::Operation *> &erased);

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_RAISEATTENTION_H
