// Bounds of linear forms over boxes of values. Floor divisions and remainders are taken apart so
// that a value which occurs both inside and outside of a division is bounded once: without that
// `i - 4 * floor(i / 4)`, which is i mod 4, would have bounds that grow with i.
#ifndef FOVEA_PASSES_MASK_LINEARBOUNDS_H
#define FOVEA_PASSES_MASK_LINEARBOUNDS_H

#include "passes/mask/LinearForm.h"

namespace fovea {

/// A value that lies in [min, max].
struct IndexRange {
  mlir::Value index;
  LinearForm min, max;
};

/// A form that is never above (`lower`) or never below the given one while the values in
/// `ranges` stay in their ranges.
LinearForm boundOver(const LinearForm &form, llvm::ArrayRef<IndexRange> ranges, bool lower);

/// Splits off a remainder whose dividend depends on one of `ranges`; none if there is none.
std::optional<RemainderForm> splitRemainder(const LinearForm &form,
                                            llvm::ArrayRef<IndexRange> ranges);

} // namespace fovea

#endif // FOVEA_PASSES_MASK_LINEARBOUNDS_H
