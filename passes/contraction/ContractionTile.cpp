#include "passes/contraction/ContractionTile.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

using namespace fovea;

/// Rows that a task has at least, where the matrix has them: packing an element of b costs about
/// as much as 16 rows of products with it.
static constexpr int64_t rowsPerTask = 512;
/// A few columns, so that few columns still make several tasks.
static constexpr int64_t columnsPerTask = 64;
static constexpr int64_t maxBlockRows = 256;
/// 256 floats: the panels that a tile of many rows meets fill 16 KiB of AVX2's first-level cache
/// and 32 KiB of AVX-512's, and results are added to memory once in thousands of cycles.
static constexpr int64_t depthBytes = 1024;

/// As many accumulators as hide the latency of a multiply-add, and panels in as many places of
/// memory as that leaves: four at once are read a third faster than one.
static std::optional<RegisterTile> tileFor(const TargetInfo &target, int64_t rows, int64_t panels) {
  int64_t vectors = std::min(target.vectorRegisters / 2 / rows, panels);
  return vectors < 2 ? std::nullopt : std::optional(RegisterTile{rows, vectors});
}

ContractionTile fovea::chooseContractionTile(const TargetInfo &target, int64_t bits) {
  int64_t bytes = bits / 8;
  ContractionTile tile;
  tile.lanes = target.lanes(bits);
  tile.group = 16 / bytes;
  // Two vectors of b, one broadcast of a, the rest accumulators: 6 x 2 + 2 + 1 = 15 of AVX2's 16.
  tile.many = {(target.vectorRegisters - 3) / 2, 2};
  tile.depth = depthBytes / bytes;
  int64_t cached = target.l2Bytes / 2 / (tile.depth * bytes);
  tile.blockRows = llvm::alignTo(std::min(cached, maxBlockRows), tile.many.rows);
  tile.taskRows = llvm::divideCeil(rowsPerTask, tile.blockRows) * tile.blockRows;
  tile.taskColumns = llvm::alignTo(columnsPerTask, tile.many.vectors * tile.lanes);
  for (int64_t rows = 1; rows <= maxFewRows; rows *= 2)
    if (auto few = tileFor(target, rows, tile.panels()))
      tile.few.push_back(*few);
  tile.some = tileFor(target, 2 * maxFewRows, tile.panels());
  return tile;
}

/// Besides sums: the panels' weights, a broadcast of the row, and a product.
static constexpr int64_t otherRegisters = 4;

static bool hasManyRegisters(const TargetInfo &target) { return target.vectorRegisters > 16; }

/// Sums that products are added to in turn, so that none waits for the one before: with VNNI two
/// products begin in a cycle, each ready after four. Without, an addition is ready after one.
static int64_t independentSums(const TargetInfo &target) {
  return hasManyRegisters(target) ? 16 : 1;
}

static std::optional<QuantizedTile> quantizedTile(const TargetInfo &target, int64_t rows,
                                                  int64_t panels) {
  int64_t free = target.vectorRegisters - otherRegisters;
  auto vectorsOf = [&](int64_t registers) {
    return std::min<int64_t>(panels, llvm::bit_floor<uint64_t>(free / registers));
  };
  QuantizedTile tile{rows, vectorsOf(2 * rows), true, 1};
  if (tile.vectors < 2)
    tile = {rows, vectorsOf(rows), false, 1};
  if (tile.vectors < 2)
    return std::nullopt;
  int64_t sums = tile.rows * tile.vectors, others = tile.inRegisters ? sums : 0;
  while (sums * tile.chains < independentSums(target) && 2 * sums * tile.chains + others <= free)
    tile.chains *= 2;
  return tile;
}

/// Whether the bytes of q4 and their halves in use fit beside the sums of a group.
static bool holdsBothHalves(const TargetInfo &target, const QuantizedTile &tile) {
  return (tile.rows * tile.chains + 2) * tile.vectors + 2 <= target.vectorRegisters;
}

/// Products in the body of the inner loop: enough that the loop's own instructions are few. With 16
/// registers no more than that: LLVM adds up several products of one sum before it adds them to it,
/// which takes registers of their own.
static int64_t productsUnrolled(const TargetInfo &target) {
  return hasManyRegisters(target) ? 64 : 8;
}

llvm::SmallVector<QuantizedTile, 5> fovea::chooseQuantizedTiles(const TargetInfo &target,
                                                                attn::WeightFormat format) {
  ContractionTile tile = chooseContractionTile(target, 32);
  llvm::SmallVector<QuantizedTile, 5> tiles;
  for (int64_t rows = 1; rows <= 2 * maxFewRows && rows < tile.many.rows; rows *= 2)
    if (auto few = quantizedTile(target, rows, tile.panels()))
      tiles.push_back(*few);
  tiles.push_back({tile.many.rows, tile.many.vectors, false, 1});
  bool isQ4 = format == attn::WeightFormat::Q4;
  int64_t steps = isQ4 ? 8 : 16;
  for (QuantizedTile &form : tiles) {
    form.halvesApart = isQ4 && !holdsBothHalves(target, form);
    int64_t products = form.rows * form.vectors * (isQ4 && !form.halvesApart ? 2 : 1);
    form.unroll = std::clamp<int64_t>(
        llvm::bit_floor<uint64_t>(productsUnrolled(target) / products), 1, steps);
  }
  return tiles;
}
