// What is fetched ahead of its use, while registers are at work.
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/TypeUtilities.h"
#include "passes/attention/EmitAttentionKernel.h"
#include "passes/attention/StoredRows.h"

using namespace mlir;
using namespace fovea;

//===----------------------------------------------------------------------===//
// Of a window: what is packed next
//===----------------------------------------------------------------------===//

/// Rows of a known size, each of which can be loaded as vectors.
static bool hasKnownRows(Value memref) {
  return hasContiguousRows(memref) && !cast<MemRefType>(memref.getType()).isDynamicDim(1);
}

/// Keys of a window for each row of queries, keys and values that is fetched meanwhile:
/// all of a panel's while it meets a window.
static constexpr int64_t keysPerFetchedRow = 4;
/// Of each operand at once: few enough that all requests are taken at once, and no more loops than
/// that needs.
static constexpr int64_t linesPerPart = 2;

static int64_t fetchedRows(const AttentionTile &tile) {
  return std::max<int64_t>(tile.keysPerTile / keysPerFetchedRow, 1);
}

int64_t AttentionKernel::fetchedParts() {
  std::optional<int64_t> columns = getConstantIntValue(headDim);
  if (head.packedKeys || !isWindowed(op) || !columns)
    return 0;
  int64_t rowBits = *columns * getElementTypeOrSelf(head.key).getIntOrFloatBitWidth();
  int64_t parts =
      std::max<int64_t>(fetchedRows(tile) * rowBits / (linesPerPart * 8 * cacheLine), 1);
  return *columns % parts ? 1 : parts;
}

// What is packed next is read while registers are at work: packing alone waits for memory. A panel
// of a window fetches the queries of the next block of rows and the keys of the next block, a few
// rows with each group of keys.
void AttentionKernel::fetchFollowing(const Panel &panel, Value group, Value part, int64_t parts) {
  int64_t rows = fetchedRows(tile);
  Value row = b.createOrFold<arith::RemUIOp>(b.mul(group, b.index(rows)), b.index(tile.width()));
  auto fetch = [&](Value source, Value first, int64_t ahead) {
    if (!hasKnownRows(source))
      return;
    int64_t count = llvm::divideCeil(rows * rowElements(source, 1), parts);
    packer.prefetch(source, b.add(b.add(first, b.index(ahead)), row), b.mul(part, b.index(count)),
                    count, /*locality=*/2);
  };
  fetch(head.query, panel.row, tile.rowsPerBlock());
  fetch(head.output, panel.row, 0);
  int64_t keysAhead = tile.keysPerBlock + tile.keysPerBlock / 4;
  fetch(head.key, panel.first, keysAhead);
  fetch(head.value, panel.first, keysAhead);
}

//===----------------------------------------------------------------------===//
// Of packed keys, and of values: what follows in the block
//===----------------------------------------------------------------------===//

// The first panel of a block of rows finds a block of keys and values in the last-level cache, the
// others in the second level. What it asks for ahead costs these next to nothing.
void AttentionKernel::fetchIntoSecondLevel(Value memref, ValueRange at) {
  memref::PrefetchOp::create(b, memref, at, /*isWrite=*/false, /*localityHint=*/2,
                             /*isDataCache=*/true);
}

/// With each step of a tile of keys that of the next one, which lies behind it, be it in the next
/// block.
void AttentionKernel::fetchNextKeys(Value tileKeys, Value d) {
  if (head.packedKeys)
    return fetchIntoSecondLevel(tileKeys, {b.add(d, headDim), b.index(0)});
  // Rows follow each other, as a place beyond a row's end shows.
  if (keysInPlace && !isWindowed(op))
    fetchIntoSecondLevel(tileKeys,
                         {b.index(0), b.mul(b.add(d, headDim), b.index(tile.keysPerTile))});
}

/// With each key of a tile of columns the next cache line of its values.
void AttentionKernel::fetchNextValues(Value tileValues, Value key) {
  if (valuesInPlace)
    fetchIntoSecondLevel(tileValues,
                         {key, b.index(8 * cacheLine / scoreType.getIntOrFloatBitWidth())});
  else if (head.packedValues)
    fetchIntoSecondLevel(tileValues, {b.add(key, b.index(tile.keysPerBlock)), b.index(0)});
}

/// The first tile of columns, which no tile is before, with the key's probabilities.
void AttentionKernel::fetchFirstValues(Value key) {
  if (valuesInPlace || head.packedValues)
    fetchIntoSecondLevel(viewTile(b.index(0)), {key, b.index(0)});
}
