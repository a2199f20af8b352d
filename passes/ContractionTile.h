// Sizes of the packed product: what sits in registers, what in the first and what in the second
// level of cache, what one task computes. Everything that chooses or relies on them asks here.
#ifndef FOVEA_PASSES_CONTRACTIONTILE_H
#define FOVEA_PASSES_CONTRACTIONTILE_H

#include "passes/TargetInfo.h"

namespace fovea {

struct ContractionTile {
  int64_t lanes;
  int64_t group;     // lanes in 128 bits, within which shuffles are cheap
  int64_t rows;      // of a in registers
  int64_t columns;   // of b in registers
  int64_t depth;     // of a panel: half of the first-level cache holds a panel of b
  int64_t blockRows; // of a that stay in the second-level cache, up to half of it
  int64_t taskRows;  // of a that share the columns of b that a task packs
  int64_t taskColumns;
};

/// The sizes for accumulators of `bits` bits. No result depends on them but through `depth`.
ContractionTile chooseContractionTile(const TargetInfo &target, int64_t bits);

} // namespace fovea

#endif // FOVEA_PASSES_CONTRACTIONTILE_H
