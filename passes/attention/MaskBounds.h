// Which keys a block of queries can see, as code: loop bounds on key positions, so that keys which
// no query of the block sees cost nothing and keys which all see cost no test, and for masks whose
// keys are not one range a test of each block.
#ifndef FOVEA_PASSES_ATTENTION_MASKBOUNDS_H
#define FOVEA_PASSES_ATTENTION_MASKBOUNDS_H

#include "dialect/AttnOps.h"
#include "passes/mask/MaskBlocks.h"
#include "passes/vector/EmitBuilder.h"

namespace fovea {

/// Index values with 0 <= anyLo <= allLo <= allHi <= anyHi <= number of keys. Keys outside
/// [anyLo, anyHi) are masked for every query of the block, keys in [allLo, allHi) for none.
struct MaskBounds {
  mlir::Value anyLo, allLo, allHi, anyHi;
};

/// A block as index values: a head, and query and key positions, the last ones included.
struct EmittedBlock {
  mlir::Value batch, head, firstQuery, lastQuery, firstKey, lastKey;
};

/// Whether each query of the attention sees a window of keys that moves with it.
bool isWindowed(attn::AttentionOp op);

/// The bounds of a block without a mask: all keys.
MaskBounds unmaskedBounds(EmitBuilder &b, mlir::Value keys);

class MaskSummary;

class MaskBoundsEmitter {
public:
  /// `region` is a mask region with the arguments b, h, i, j. Data that it reads is bounded where
  /// `summary`, if there is one, has tables of it.
  explicit MaskBoundsEmitter(mlir::Region &region, const MaskSummary *summary = nullptr);

  const MaskBlocks &getBlocks() const { return blocks; }
  const MaskPredicate &getPredicate() const { return blocks.getPredicate(); }
  /// True if blocks may be skipped or go untested.
  bool boundsKeys() const { return blocks.isBounded(); }

  /// Emits the bounds for batch `batch`, head `head`, query positions [first, last] (not empty)
  /// and key positions [0, keys), at the builder's insertion point.
  MaskBounds emit(EmitBuilder &b, mlir::Value batch, mlir::Value head, mlir::Value first,
                  mlir::Value last, mlir::Value keys) const;

  /// Emits whether some pair, or every pair, of the block is let through: an i1 that may be a
  /// constant.
  mlir::Value emitSome(EmitBuilder &b, const EmittedBlock &block) const;
  mlir::Value emitEvery(EmitBuilder &b, const EmittedBlock &block) const;

private:
  mlir::Value emitTest(EmitBuilder &b, const EmittedBlock &block, const MaskPredicate &test) const;
  mlir::IRMapping mapBlock(EmitBuilder &b, const EmittedBlock &block) const;
  const MaskSummary *summary;
  MaskBlocks blocks;
};

} // namespace fovea

#endif // FOVEA_PASSES_ATTENTION_MASKBOUNDS_H
