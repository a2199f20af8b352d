// Sizes of the product of panels: what sits in registers, what in the first and what in the second
// level of cache, what one task computes. Everything that chooses or relies on them asks here.
#ifndef FOVEA_PASSES_CONTRACTION_CONTRACTIONTILE_H
#define FOVEA_PASSES_CONTRACTION_CONTRACTIONTILE_H

#include "dialect/AttnDialect.h"
#include "passes/TargetInfo.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/bit.h"
#include <optional>

namespace fovea {

/// Results that stay in registers: `rows` of a by `vectors` panels of b.
struct RegisterTile {
  int64_t rows, vectors;
};

struct ContractionTile {
  int64_t lanes;     // of a vector; the columns of a panel of b
  int64_t group;     // lanes in 128 bits, within which shuffles are cheap
  RegisterTile many; // for many rows, which are packed
  int64_t depth;     // of the blocks of k, for each of which an element gets one partial sum
  int64_t blockRows; // of a that stay in the second-level cache, up to half of it
  int64_t taskRows;  // of a that share the columns of b that a task reads
  int64_t taskColumns;
  /// Panels of b that a task of one row reads at once.
  int64_t panels() const { return taskColumns / lanes; }
  /// Steps of k in a part of a tile of many rows, which has at least as many parts as rows.
  int64_t partSteps() const { return llvm::bit_floor<uint64_t>(depth / many.rows); }
  /// Tiles for 1, 2 and 4 rows.
  llvm::SmallVector<RegisterTile, 4> few;
  /// For at most its rows, which are packed as many are, where registers suffice.
  std::optional<RegisterTile> some;
};

/// Up to this many rows of a are read as they lie. More that are far apart, by a power of two say,
/// are in each other's way in the first-level cache.
constexpr int64_t maxFewRows = 4;

/// The sizes for accumulators of `bits` bits. No result depends on them but through `depth`.
ContractionTile chooseContractionTile(const TargetInfo &target, int64_t bits);

/// A tile of the product with a quantised weight: for each result an integer sum of one group, and
/// the sum of all groups, in registers too or in memory.
struct QuantizedTile {
  int64_t rows, vectors;
  bool inRegisters;         // all sums
  int64_t chains;           // integer sums of a result, which products are added to in turn
  int64_t unroll = 0;       // steps of a group in one iteration of the inner loop
  bool halvesApart = false; // low and high halves of q4's bytes in a loop each
};

/// The tiles for few rows, fewest first, and last the one for any number, whose rows are those of
/// ContractionTile::many. Rows lie in panels of the first tile that holds them all.
llvm::SmallVector<QuantizedTile, 5> chooseQuantizedTiles(const TargetInfo &target,
                                                         attn::WeightFormat format);

} // namespace fovea

#endif // FOVEA_PASSES_CONTRACTION_CONTRACTIONTILE_H
