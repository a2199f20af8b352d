// The reference executor: the meaning of a graph, computed op by op in float64. It runs the IR of
// the `input` and `fused` phases as it stands and is the oracle that compiled code is compared
// with, so it is written for clarity, not speed.
#ifndef FOVEA_RUNTIME_REFERENCE_H
#define FOVEA_RUNTIME_REFERENCE_H

#include "mlir/IR/BuiltinOps.h"
#include "runtime/tensor/Tensor.h"
#include "llvm/Support/Error.h"

namespace fovea {

class WeightSource;

/// Runs the public function `entry` of a verified module on one tensor an argument. `weights` is
/// needed only by a module that has attn.weight.
///
/// All floats are computed in float64 whatever their type in the IR: arith.truncf and arith.extf
/// change nothing, and constants are taken as the exact value that they denote in their type. What
/// jumps between neighbours, floor and its like and casts to integers, is taken of the nearest f32.
/// Results of float type are F64 tensors, the others have their own type.
///
/// If given, `scoreRounding` becomes how far the weights of a softmax (of attention too) are off,
/// in all, where its scores are rounded once: the largest, over all rows, of 2 u sum_j w_j (1 -
/// w_j) |s_j|, u being the unit roundoff of the scores' type. It is that small where scores are, or
/// where one outweighs all others. Rows of equal scores, which are rounded alike, do not count.
///
/// Errors have the form "file:line:col: error: 'op': message" if an op is to blame: one that the
/// executor does not know, operands whose shapes do not fit, an index out of range, a division by
/// zero. Reading elements that nothing wrote gives NaN.
llvm::Expected<std::vector<Tensor>> runReference(mlir::ModuleOp module, llvm::StringRef entry,
                                                 llvm::ArrayRef<TensorView> inputs,
                                                 const WeightSource *weights = nullptr,
                                                 double *scoreRounding = nullptr);

} // namespace fovea

#endif // FOVEA_RUNTIME_REFERENCE_H
