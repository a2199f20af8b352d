// Expressions of two partial attentions merged by their log-sum-exps, as rational functions. With
// o1, o2 elements of the outputs and l1, l2 the log-sum-exps, A = exp(l1), B = exp(l2), every way
// to write the merge is the same function (o1 A + o2 B) / (A + B), in which maxima that only keep
// the exponentials finite cancel.
#ifndef FOVEA_PASSES_RAISE_MERGEEXPRESSION_H
#define FOVEA_PASSES_RAISE_MERGEEXPRESSION_H

#include "mlir/IR/Value.h"

namespace fovea {

/// The scalars that stand for o1, o2, l1, l2 in an expression.
struct MergeLeaves {
  mlir::Value outputs[2], lses[2];
};

/// Whether `value`, computed by arith and math ops from the leaves and constants, is the merged
/// output (o1 A + o2 B) / (A + B).
bool isMergedOutput(mlir::Value value, const MergeLeaves &leaves);

/// Whether it is the merged log-sum-exp log(A + B).
bool isMergedLse(mlir::Value value, const MergeLeaves &leaves);

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_MERGEEXPRESSION_H
