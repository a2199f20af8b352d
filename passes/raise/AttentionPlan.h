// What an attention is to be made of, decided before the op is built from the pieces that the
// matchers of this folder found.
#ifndef FOVEA_PASSES_RAISE_ATTENTIONPLAN_H
#define FOVEA_PASSES_RAISE_ATTENTIONPLAN_H

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
  llvm::SmallVector<int64_t> repeatedDims; ///< those of them that only the queries lack
  attn::DropoutOp dropout;
  bool withWeights = false;

  /// The size of a score dim.
  mlir::OpFoldResult sizeOf(mlir::OpBuilder &builder, int64_t scoreDim) const;
};

/// Deals the score dims out to batch and heads such that keys and values that lack trailing dims
/// are shared by groups of heads. Says why if their sharing has another form.
bool planHeads(AttentionPlan &plan, std::string &why);

/// What is to be made of these pieces; says why if nothing can.
std::optional<AttentionPlan> planAttention(const SoftmaxMatch &match,
                                           const ScoreContraction &scores,
                                           const ValueContraction &values, std::string &why);

/// Makes the element types of the operands and of the output, which must be one, agree. Extensions
/// are dropped where the output is rounded to the narrow type anyway: attention accumulates in
/// f32 whatever it reads and writes. Else narrow operands are extended. Returns the element type
/// of the output; `values.outcome` becomes what the output replaces.
mlir::Type unifyElementTypes(mlir::OpBuilder &builder, AttentionPlan &plan,
                             ValueContraction &values);

/// Whether the weights are used by anything but the contraction with the values.
/// Fails, with the reason, if they are used before dropout.
mlir::LogicalResult findWeightUses(AttentionPlan &plan, ValueContraction &values, std::string &why);

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_ATTENTIONPLAN_H
