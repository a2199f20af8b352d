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
  int64_t panels = tile.taskColumns / tile.lanes;
  for (int64_t rows = 1; rows <= maxFewRows; rows *= 2)
    if (auto few = tileFor(target, rows, panels))
      tile.few.push_back(*few);
  tile.some = tileFor(target, 2 * maxFewRows, panels);
  return tile;
}
