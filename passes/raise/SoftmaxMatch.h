// Finds softmaxes, as one op or spelled out, and views them element by element: the result is a
// scalar expression of the score before the softmax, in terms of one index per dim. What came
// before the softmax (scale, bias, mask) can then be read off one expression, however it was
// spread over ops.
#ifndef FOVEA_PASSES_RAISE_SOFTMAXMATCH_H
#define FOVEA_PASSES_RAISE_SOFTMAXMATCH_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"
#include "mlir/IR/Region.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <memory>
#include <optional>

namespace fovea {

struct SoftmaxMatch {
  mlir::Value weights; ///< the softmax's result, a ranked tensor
  int64_t keyDim = 0;  ///< the dim that is normalised
  /// One detached block with an index argument per dim of `weights`. It holds the computation of
  /// one score; its leaves are tensor.extract ops on tensors of the function. Dims of size 1 are
  /// read at index 0.
  std::unique_ptr<mlir::Region> region;
  mlir::Value score; ///< in `region`
  /// The logit of one more key whose weight is dropped, in `region` and the same for all keys; null
  /// if there is none.
  mlir::Value sink;

  mlir::Block::BlockArgListType indices() const { return region->getArguments(); }
  int64_t rank() const {
    mlir::Value tensor = weights;
    return mlir::cast<mlir::RankedTensorType>(tensor.getType()).getRank();
  }
};

/// Matches `op` if its result is a softmax: attn.softmax, linalg.softmax, or the last op of
/// `exp(x - c) / sum exp(x - c)` with any c that is the same for all keys, such as their maximum,
/// in any grouping of its steps, of any base, or with the logarithm of the sum subtracted from x; a
/// sum of 0 may be replaced by a number other than 0. Weights that are masked by 0 and 1 before
/// they are divided by their sums match as the softmax of masked scores, which they equal; so do
/// weights that are set to 0 where their scores are masked, or where all scores of a row are -inf.
/// An `exp(y - c)` that is added to the sum is a sink, as is a column that is put before or behind
/// the scores for the softmax and whose weights are cut off again.
std::optional<SoftmaxMatch> matchSoftmax(mlir::Operation *op);

/// Whether the op is elementwise and ends in a division, a product or an exponential, as a softmax
/// that is spelled out does. Only such ops are read back, which costs time.
bool mayEndSoftmax(mlir::Operation *op);

/// Whether a reduction of this combiner that starts from `init` is a sum.
bool isSumOnto(mlir::Operation *combiner, mlir::Value init);

/// Calls `raise` with each softmax in the function, the last op first: a softmax inside a
/// renormalised one is then gone when its turn comes. `raise` adds the ops that it erases to
/// `erased`.
void forEachSoftmax(
    mlir::Operation *function,
    llvm::function_ref<void(SoftmaxMatch &match, llvm::DenseSet<mlir::Operation *> &erased)> raise);

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_SOFTMAXMATCH_H
