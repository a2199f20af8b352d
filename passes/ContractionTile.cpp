#include "passes/ContractionTile.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

using namespace fovea;

/// Rows that a task has at least, where the matrix has them: packing an element of b costs about
/// as much as 16 rows of products with it.
static constexpr int64_t rowsPerTask = 512;
/// A few columns, so that few columns still make several tasks.
static constexpr int64_t columnsPerTask = 64;
static constexpr int64_t maxBlockRows = 256;

ContractionTile fovea::chooseContractionTile(const TargetInfo &target, int64_t bits) {
  int64_t bytes = bits / 8;
  ContractionTile tile;
  tile.lanes = target.lanes(bits);
  tile.group = 16 / bytes;
  // Two vectors of b, one broadcast of a, the rest accumulators: 6 x 2 + 2 + 1 = 15 of AVX2's 16.
  tile.rows = (target.vectorRegisters - 3) / 2;
  tile.columns = 2 * tile.lanes;
  tile.depth = target.l1Bytes / 2 / (tile.columns * bytes);
  int64_t cached = target.l2Bytes / 2 / (tile.depth * bytes);
  tile.blockRows = llvm::alignTo(std::min(cached, maxBlockRows), tile.rows);
  tile.taskRows = llvm::divideCeil(rowsPerTask, tile.blockRows) * tile.blockRows;
  tile.taskColumns = llvm::alignTo(columnsPerTask, tile.columns);
  return tile;
}
