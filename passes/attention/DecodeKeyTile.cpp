// How keys of few queries are cut up: what of them is in registers at a time, and how it gets
// there.
#include "dialect/CacheRows.h"
#include "passes/attention/EmitDecodeKernel.h"
#include "passes/attention/StoredRows.h"
#include "passes/vector/VectorTranspose.h"

using namespace mlir;
using namespace fovea;

/// Whether transposed keys of one query are taken from registers: a single tile of rows needs each
/// once. More tiles share packed keys.
bool DecodeKernel::multipliesFromRegisters() { return rowsPerTile == group && keepsKeys(); }

/// Columns of narrow keys that are transposed as one, a word of 32 bits: a part of the shuffles,
/// and of the registers until they are needed. 1 where elements are.
int64_t DecodeKernel::columnsPerWord() {
  int64_t columns = 32 / getElementTypeOrSelf(op.getKey()).getIntOrFloatBitWidth();
  if (columns < 2 || !scoreType.isF32() ||
      !canTransposeHalves(VectorType::get({tile.lanes / 2}, b.getI32Type())))
    return 1;
  // Words of quantised rows lie in one group, and none is left over.
  int64_t atOnce = columns * tile.lanes / 2,
          row = rowElements(op.getKey(), op.getKeyPermutation()[3]);
  bool isWhole = attn::quantizedGroup % atOnce == 0 && row % atOnce == 0;
  return columns == 4 && !isWhole ? 1 : columns;
}

bool DecodeKernel::holdsWords() { return columnsPerWord() > 1; }

/// Columns of keys that are transposed at a time: of words, or where it takes fewer shuffles than a
/// square and leaves registers for more keys, half as many as a vector has.
int64_t DecodeKernel::keyColumns() {
  if (holdsWords())
    return columnsPerWord() * tile.lanes / 2;
  bool isTall = getElementTypeOrSelf(op.getKey()) == scoreType &&
                canTransposeHalves(VectorType::get({tile.lanes / 2}, scoreType));
  return isTall ? tile.lanes / 2 : tile.lanes;
}

/// Registers that hold these columns of a vector of keys.
int64_t DecodeKernel::keyRegisters() { return keyColumns() / columnsPerWord(); }

/// Registers beside those of keys and accumulators: for what is broadcast, shuffled, and split off.
/// Scales of bytes do not count: from the stack they cost less than a vector of keys by itself.
int64_t DecodeKernel::spareRegisters() {
  return !holdsWords() ? 3 : getElementTypeOrSelf(op.getKey()).isF16() ? 5 : 4;
}

/// Whether registers hold the transposed columns of a vector of keys, the accumulators of their
/// products and a broadcast element.
bool DecodeKernel::keepsKeys() { return keyRegisters() + rowsPerTile + 1 <= tile.registers; }

/// Vectors of keys at work at a time: as many as have four accumulators, so that none waits for
/// itself, and two at least, but at most the keys of a chunk, which all are fetched ahead.
int64_t DecodeKernel::keyVectors() {
  if (stagesKeys())
    return 2;
  int64_t vectors = rowsPerTile > 1 || 4 * tile.lanes > keysPerChunk ? 2 : 4;
  while (vectors > 1 && keyRegisters() + vectors * rowsPerTile + spareRegisters() > tile.registers)
    vectors /= 2;
  return vectors;
}

/// Those of them that are in registers at once, and share what is broadcast.
int64_t DecodeKernel::vectorsTogether() {
  int64_t together = keyVectors(), sums = together * rowsPerTile;
  while (together > 1 && together * keyRegisters() + sums + spareRegisters() > tile.registers)
    together /= 2;
  return together;
}

/// How many registers of a vector of keys are multiplied before the next columns are transposed, so
/// that one group of chunks finds room; none if there is no such time.
int64_t DecodeKernel::registersMultipliedFirst(int64_t vectors) {
  int64_t left = tile.registers - vectors * (keyRegisters() + rowsPerTile) - spareRegisters();
  int64_t needed = tile.lanes / 4 + 2;
  return std::max<int64_t>(llvm::divideCeilSigned(needed - left, vectors), 0);
}

/// Whether keys are transposed while the columns before are multiplied, and share registers: those
/// of less than 32 bits, which arithmetic bounds. What is read from memory at twice the bytes waits
/// for loads, and had better ask for them early; of one or two rows shuffles are most of the work.
bool DecodeKernel::transposesAhead(int64_t vectors) {
  return !stagesKeys() && vectors == vectorsTogether() && vectors == keyVectors() &&
         rowsPerTile > 2 && holdsWords() && registersMultipliedFirst(vectors) <= keyRegisters() / 4;
}

/// Whether transposed columns go through memory, of which those before are multiplied meanwhile:
/// where registers hold the sums of two vectors of keys but not their columns beside them, and keys
/// have columns for two turns at least. Of words each column is stored, which pays for four rows
/// but neither for two nor for eight.
bool DecodeKernel::stagesKeys() {
  int64_t columns = rowElements(op.getKey(), op.getKeyPermutation()[3]);
  if (ShapedType::isDynamic(columns) || columns < 2 * keyColumns())
    return false;
  bool pays = !holdsWords() || (rowsPerTile > 2 && rowsPerTile <= 4);
  bool isTall = keyRegisters() < tile.lanes && rowsPerTile > 1 && rowsPerTile == group;
  int64_t sums = 2 * rowsPerTile, atWork = 2 + 1 + tile.lanes / 2 + 1;
  return pays && isTall && sums + atWork <= tile.registers &&
         sums + 2 * keyRegisters() + spareRegisters() > tile.registers;
}
