// Builds attn.attention from the pieces that the matchers of this folder found: brings operands of
// any rank and dim order to [B, H, L, D], moves the score expression into the op's regions and
// brings the results back to the shapes that the graph had.
#ifndef FOVEA_PASSES_RAISE_RAISEATTENTION_H
#define FOVEA_PASSES_RAISE_RAISEATTENTION_H

#include "dialect/AttnOps.h"
#include "passes/raise/AttentionMatch.h"

namespace fovea {

/// What an attention is made of. Score dims other than the rows' and the keys' are dealt out to
/// batch and heads, in order.
struct AttentionPlan {
  const SoftmaxMatch *match = nullptr;
  mlir::Value scoreElement; ///< the contraction's element in the match's region
  LabelledTensor query, key, value;
  int64_t rowDim = -1; ///< -1 for one row
  double scale = 1.0;
  llvm::SmallVector<int64_t> batchDims, headDims;
  attn::DropoutOp dropout;
  bool withWeights = false;

  /// The size of a score dim.
  mlir::OpFoldResult sizeOf(mlir::OpBuilder &builder, int64_t scoreDim) const;
};

/// Deals the score dims out to batch and heads such that keys and values that lack trailing dims
/// are shared by groups of heads. Says why if their sharing has another form.
bool planHeads(AttentionPlan &plan, std::string &why);

/// Gives the values of a score's indices, in terms of the region's arguments b, h, i, j: the
/// element at score dim n of `indices` stands for argument n of the match's region.
using IndexMap = llvm::function_ref<void(mlir::OpBuilder &, mlir::ValueRange bhij,
                                         llvm::MutableArrayRef<mlir::Value> indices)>;

/// Makes the element types of the operands and of the output, which must be one, agree. Extensions
/// are dropped where the output is rounded to the narrow type anyway: attention accumulates in
/// f32 whatever it reads and writes. Else narrow operands are extended. Returns the element type
/// of the output; `values.outcome` becomes what the output replaces.
mlir::Type unifyElementTypes(mlir::OpBuilder &builder, AttentionPlan &plan,
                             ValueContraction &values);

/// Creates the op before `builder`'s insertion point, with the whole score expression in the
/// score region and alignment top_left, so that row r is position r. `mapIndices` may change
/// the indices that the expression is evaluated at.
attn::AttentionOp createAttention(mlir::OpBuilder &builder, mlir::Location loc,
                                  const AttentionPlan &plan, mlir::Type outputElement,
                                  IndexMap mapIndices = nullptr);

/// Results brought back to the shapes of the graph.
mlir::Value restoreOutput(mlir::OpBuilder &builder, const AttentionPlan &plan, mlir::Value output,
                          mlir::ArrayRef<DimLabel> outLabels);
mlir::Value restoreWeights(mlir::OpBuilder &builder, const AttentionPlan &plan,
                           mlir::Value weights);

/// Whether the weights are used by anything but the contraction with the values.
/// Fails, with the reason, if they are used before dropout.
mlir::LogicalResult findWeightUses(AttentionPlan &plan, ValueContraction &values, std::string &why);

/// Puts the results in place of what they replace and erases what is then unused; the erased ops
/// are added to `erased`.
void replaceWithAttention(const AttentionPlan &plan, ValueContraction &values,
                          attn::AttentionOp attention, llvm::DenseSet<mlir::Operation *> &erased);

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_RAISEATTENTION_H
