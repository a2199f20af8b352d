// Sizes of the attention kernel: what sits in registers, what in the first and what in the second
// level of cache. Everything that chooses or relies on these sizes asks here.
#ifndef FOVEA_PASSES_ATTENTION_ATTENTIONTILE_H
#define FOVEA_PASSES_ATTENTION_ATTENTIONTILE_H

#include "passes/TargetInfo.h"
#include <optional>

namespace fovea {

/// Queries lie along vector lanes. A panel of `width()` queries meets `keysPerTile` keys in
/// registers and `keysPerBlock` keys in the first-level cache; a block of `panelsPerBlock`
/// panels shares the keys of a key block that were packed for it. Online softmax begins anew at
/// multiples of `keysPerSegment` keys, so that a row's segments may be computed at the same time.
struct AttentionTile {
  int64_t lanes;
  int64_t vectors;
  int64_t keysPerTile;
  int64_t keysPerBlock;
  int64_t panelsPerBlock;
  int64_t keysPerSegment; // a multiple of keysPerBlock; 0 if all keys are one segment
  int64_t registers;
  bool rowBroadcasts;              // of TargetInfo
  bool fusedMultiplyAdd;           // without it, LLVM would call a function for each
  llvm::StringRef multiplyByPower; // of TargetInfo

  int64_t width() const { return lanes * vectors; }
  int64_t rowsPerBlock() const { return width() * panelsPerBlock; }
};

/// Queries of a panel: those of each see the same keys, and most of a moving window's are seen by
/// few of them where panels are wide.
int64_t attentionPanelWidth(const TargetInfo &target, int64_t scoreBits, bool windowed);

/// The sizes for scores of `scoreBits` bits. `rows`, `headDim` and `valueDim` are those of the
/// op, absent if they are known at run time only; `windowed` is whether each query sees a window
/// of keys that moves with it. No result depends on the sizes but through `keysPerBlock` and
/// `keysPerSegment`, which are the same for all targets and numbers of rows; only targets without
/// fused multiply-add round differently.
AttentionTile chooseAttentionTile(const TargetInfo &target, int64_t scoreBits,
                                  std::optional<int64_t> rows, std::optional<int64_t> headDim,
                                  std::optional<int64_t> valueDim, bool windowed);

} // namespace fovea

#endif // FOVEA_PASSES_ATTENTION_ATTENTIONTILE_H
