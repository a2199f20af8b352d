// The pieces of attention around a softmax: the contraction of queries and keys that makes the
// scores, the contraction of the weights with the values, and the ops between that only move or
// convert data. Dims are followed through all of them by labels.
#ifndef FOVEA_PASSES_RAISE_ATTENTIONMATCH_H
#define FOVEA_PASSES_RAISE_ATTENTIONMATCH_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "passes/raise/DimLabels.h"

namespace fovea {

/// A contraction of two operands: a loop of each operand dim and each result dim.
struct ContractionMatch {
  mlir::linalg::LinalgOp op;
  llvm::SmallVector<unsigned> lhsLoops, rhsLoops, outLoops;
  llvm::SmallVector<unsigned> reductionLoops;
  mlir::Value lhs() { return op.getDpsInputOperand(0)->get(); }
  mlir::Value rhs() { return op.getDpsInputOperand(1)->get(); }
};

/// Matches linalg ops on float tensors that sum products of their two inputs onto zeros.
std::optional<ContractionMatch> matchContraction(mlir::Operation *op);

/// The scores' contraction inside the expression of a softmax.
struct ScoreContraction {
  ContractionMatch contraction;
  mlir::Value element; // the tensor.extract of its result in the match's region
  LabelledTensor query, key;
  int64_t rowDim = -1; // score dim of the query rows; -1 if there is but one row
};

/// Finds it, or says why not.
std::optional<ScoreContraction> findScoreContraction(const SoftmaxMatch &match, std::string &why);

/// A contraction of the weights along the key dim.
struct ValueContraction {
  ContractionMatch contraction;
  LabelledTensor value;
  mlir::Value outcome; // the contraction's result
  llvm::SmallVector<DimLabel> outLabels;
  llvm::SmallVector<mlir::Operation *> path; // between the softmax and the contraction
  mlir::Operation *dropout = nullptr;        // attn.dropout on the path, if any
};
/// Finds it, or says why not: of several the first in the block whose values do not depend on the
/// weights.
std::optional<ValueContraction> findValueContraction(const SoftmaxMatch &match, std::string &why);

/// Takes `use`, an operand of the weights' shape, for the weights; or says why not.
std::optional<ValueContraction> matchValueUse(mlir::OpOperand &use, const SoftmaxMatch &match,
                                              std::string &why);

/// Whether what a softmax gives are weights of something: only then is it part of an attention.
/// `weights` may be a part of them.
bool weighsValues(mlir::Value weights);

/// Whether `value` is computed from `source`, a result of an op of the same block or of one around
/// it.
bool dependsOn(mlir::Value value, mlir::Value source);

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_ATTENTIONMATCH_H
