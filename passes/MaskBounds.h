// Which keys a block of queries can see: bounds on key positions, derived from a mask predicate
// over an interval of query positions. They become loop bounds, so that keys which no query of
// the block sees cost nothing and keys which all see cost no test.
#ifndef FOVEA_PASSES_MASKBOUNDS_H
#define FOVEA_PASSES_MASKBOUNDS_H

#include "dialect/AttnOps.h"
#include "passes/EmitBuilder.h"
#include "passes/MaskPredicate.h"

namespace fovea {

/// Index values with 0 <= anyLo <= allLo <= allHi <= anyHi <= number of keys. Keys outside
/// [anyLo, anyHi) are masked for every query of the block, keys in [allLo, allHi) for none.
struct MaskBounds {
  mlir::Value anyLo, allLo, allHi, anyHi;
};

/// Whether each query of the attention sees a window of keys that moves with it.
bool isWindowed(attn::AttentionOp op);

/// The bounds of a block without a mask: all keys.
MaskBounds unmaskedBounds(EmitBuilder &b, mlir::Value keys);

class MaskBoundsEmitter {
public:
  /// `region` is a mask region with the arguments b, h, i, j.
  explicit MaskBoundsEmitter(mlir::Region &region)
      : region(region), predicate(analyzeMaskRegion(region)) {}

  const MaskPredicate &getPredicate() const { return predicate; }
  /// True if some bound depends on positions, so that blocks may be skipped or go untested.
  bool boundsKeys() const;
  /// True if the first key that a block sees moves on with its positions, as in a window.
  bool boundsKeysBelow() const;

  /// Emits the bounds for batch `batch`, head `head`, query positions [first, last] (not empty)
  /// and key positions [0, keys), at the builder's insertion point.
  MaskBounds emit(EmitBuilder &b, mlir::Value batch, mlir::Value head, mlir::Value first,
                  mlir::Value last, mlir::Value keys) const;

private:
  mlir::Region &region;
  MaskPredicate predicate;
};

} // namespace fovea

#endif // FOVEA_PASSES_MASKBOUNDS_H
