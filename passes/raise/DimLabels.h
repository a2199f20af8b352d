// Dims around a softmax, followed by labels: the dims of the weights tensor (the "score dims") that
// a dim of another tensor runs along. Labels survive whatever only moves or converts data.
#ifndef FOVEA_PASSES_RAISE_DIMLABELS_H
#define FOVEA_PASSES_RAISE_DIMLABELS_H

#include "passes/raise/SoftmaxMatch.h"

namespace fovea {

/// The score dims that one dim of a tensor runs along, outermost first; empty for a dim of size
/// 1; `featureLabel` for a dim that is no score dim: D of queries and keys, Dv of values.
using DimLabel = llvm::SmallVector<int64_t, 2>;
inline constexpr int64_t featureLabel = -1;

struct LabelledTensor {
  mlir::Value tensor;
  llvm::SmallVector<DimLabel> labels; // one a dim

  /// The dim that runs along exactly `scoreDim`, or -1.
  int64_t find(int64_t scoreDim) const;
  bool has(int64_t scoreDim) const;
};

/// The sizes of all score dims, and of the feature dim, which has any.
llvm::SmallVector<int64_t> labelSizes(const SoftmaxMatch &match);

/// The label of a dim that is indexed by `index`: the arguments that it is a row-major index
/// over. Argument `n` of the region stands for label `n`, the one after the last score dim for
/// the feature; `sizes` are those of `labelSizes`. None if the index is anything else.
std::optional<DimLabel> readLabel(mlir::Value index, mlir::Region &region,
                                  llvm::ArrayRef<int64_t> sizes);

/// Follows an operand back through transpositions, reshapes, repetition, products with constants
/// (collected in `factor` if given, else not followed) and, with `throughCasts`, extensions of
/// the float type. Stops where the labels would be lost. `match` gives the sizes of score dims.
LabelledTensor followOperand(const LabelledTensor &operand, const SoftmaxMatch &match,
                             double *factor, bool throughCasts);

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_DIMLABELS_H
