// Floats that take one of a few constants, by conditions: masks of 0 and 1, additive masks of 0 and
// -inf, and what is computed of them.
#ifndef FOVEA_PASSES_MASK_FLOATCHOICE_H
#define FOVEA_PASSES_MASK_FLOATCHOICE_H

#include "passes/mask/MaskPredicate.h"

namespace fovea {

/// One of the constants and where the float is it. The conditions of all choices exclude each other
/// and cover everything.
struct FloatChoice {
  MaskPredicate when;
  llvm::APFloat value;
};

/// The choices of `value`, no two of the same bits; none if it is anything else or takes too many
/// values. `read` gives the predicate of an i1.
std::optional<llvm::SmallVector<FloatChoice>>
readFloatChoices(mlir::Value value, llvm::function_ref<MaskPredicate(mlir::Value)> read);

} // namespace fovea

#endif // FOVEA_PASSES_MASK_FLOATCHOICE_H
