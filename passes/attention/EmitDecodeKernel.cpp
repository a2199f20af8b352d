#include "passes/attention/EmitDecodeKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/attention/SoftmaxMath.h"
#include "passes/attention/StoredRows.h"

using namespace mlir;
using namespace fovea;

static constexpr int64_t minBytesAhead = 12288;

/// The most vectors of keys whose products with `rows` rows stay in registers: their accumulators,
/// themselves (with one row, operands in memory) and the row's broadcast element.
static int64_t vectorsInRegisters(int64_t rows, int64_t registers) {
  int64_t vectors = 8;
  while (vectors > 1 && rows * vectors + (rows == 1 ? 0 : vectors) + 1 > registers)
    vectors /= 2;
  return vectors;
}

/// Cycles a multiply-add: two are done at a time, and two loads; each takes four.
static double cyclesPerFma(int64_t rows, int64_t vectors) {
  double fmas = rows * vectors, loads = rows + vectors;
  return std::max({fmas / 2, loads / 2, 4.0}) / fmas;
}

/// The most heads whose rows share what is loaded of keys and values, unless that takes a fifth
/// longer than the shortest possible half a cycle a multiply-add.
static int64_t chooseRowsPerTile(int64_t group, int64_t registers) {
  for (int64_t rows = 8; rows > 1; --rows)
    if (group % rows == 0 && cyclesPerFma(rows, vectorsInRegisters(rows, registers)) <= 0.6)
      return rows;
  return 1;
}

/// Keys are fetched at least as many ahead as are transposed at a time, and few more: what comes
/// early displaces what is at work.
static int64_t bytesAhead(attn::AttentionOp op, int64_t keysAtOnce) {
  auto type = cast<MemRefType>(op.getKey().getType());
  int64_t columns = type.getDimSize(op.getKeyPermutation()[3]);
  if (ShapedType::isDynamic(columns))
    return minBytesAhead;
  return std::max(minBytesAhead, keysAtOnce * columns * type.getElementTypeBitWidth() / 8);
}

bool DecodeKernel::supports(attn::AttentionOp op, const AttentionTile &tile) {
  auto isDense = [](Value memref, int64_t lastDim) {
    auto type = cast<MemRefType>(memref.getType());
    return lastDim == type.getRank() - 1 && type.isLastDimUnitStride();
  };
  int64_t columns = rowElements(op.getValue(), op.getValuePermutation()[3]);
  return !op.getWeightsInit() && !op.getColumnSumsInit() && !op.hasBucket() && !op.getSeed() &&
         ShapedType::isStatic(op.getGroupSize()) && ShapedType::isStatic(columns) &&
         columns % tile.lanes == 0 && isDense(op.getValue(), op.getValuePermutation()[3]) &&
         isDense(op.getOutputInit(), op.getOutputPermutation()[3]);
}

DecodeKernel::DecodeKernel(EmitBuilder &b, attn::AttentionOp op, const AttentionTile &tile,
                           const MaskSummary &summary)
    : b(b), op(op), tile(tile), scoreType(op.getScoreType()),
      vectorType(VectorType::get({tile.lanes}, scoreType)), group(op.getGroupSize()),
      rowsPerTile(chooseRowsPerTile(group, tile.registers)),
      vectorsPerTile(vectorsInRegisters(rowsPerTile, tile.registers)),
      packer(b, tile, scoreType, bytesAhead(op, keyVectors() * tile.lanes)) {
  if (op.hasMask())
    mask.emplace(op.getMask(), &summary);
  queries = b.dim(op.getQuery(), op.getQueryPermutation()[2]);
  keys = b.dim(op.getKey(), op.getKeyPermutation()[2]);
  headDim = b.dim(op.getQuery(), op.getQueryPermutation()[3]);
  valueDim = emitRowElements(b, op.getValue(), op.getValuePermutation()[3]);
  OpFoldResult first = op.getFirstPosition(b);
  firstPosition = getValueOrCreateConstantIndexOp(b, b.getLoc(), first);
}

void DecodeKernel::allocate() {
  auto size = [&](int64_t n) -> OpFoldResult { return b.getIndexAttr(n); };
  auto allocateFloats = [&](ArrayRef<OpFoldResult> shape) {
    return allocateAligned(b, shape, scoreType);
  };
  int64_t rows = tile.lanes * group;
  OpFoldResult dim = getAsOpFoldResult(headDim);
  scaledQueries = allocateFloats({size(rowsPerTile), dim});
  packedQueries =
      allocateFloats({size(rows / rowsPerTile + queryCopies() - 1), dim, size(rowsPerTile)});
  packedKeys = allocateFloats({size(vectorsPerTile), dim, size(tile.lanes)});
  if (stagesKeys())
    stagedKeys = allocateFloats({size(2), size(keyColumns()), size(keyVectors() * tile.lanes)});
  segmentScores = allocateFloats({size(rows), size(scoresPerRow())});
  blockOutputs = allocateFloats({size(rows), getAsOpFoldResult(valueDim)});
  states.emplace(b, op, tile, valueDim);
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

void DecodeKernel::emit() {
  allocate();
  OpFoldResult slots = b.getIndexAttr(2), rows = b.getIndexAttr(tile.lanes * group);
  DecodeState slotsOf = allocateStates(b, slots, rows, getAsOpFoldResult(valueDim), scoreType);
  DecodeState total = viewOf(b, slotsOf, b.index(0)), part = viewOf(b, slotsOf, b.index(1));
  Value batches = b.dim(op.getQuery(), op.getQueryPermutation()[0]);
  Value keyHeads = b.dim(op.getKey(), op.getKeyPermutation()[1]);
  b.loop(b.index(0), batches, 1, [&](Value batchIndex) {
    b.loop(b.index(0), keyHeads, 1, [&](Value keyHead) {
      beginGroup(batchIndex, keyHead);
      emitGroup(total, part);
    });
  });
}

void DecodeKernel::emitGroup(const DecodeState &total, const DecodeState &part) {
  initialize(total);
  MaskBounds visible = visibleBounds();
  if (!tile.keysPerSegment) {
    state = total;
    emitKeys(visible, b.index(0), keys);
    return finish(total);
  }
  state = part;
  Value start = b.roundDown(visible.anyLo, tile.keysPerSegment);
  b.loop(start, visible.anyHi, tile.keysPerSegment, [&](Value begin) {
    clear(part);
    emitKeys(visible, begin, b.add(begin, b.index(tile.keysPerSegment)));
    forEachRow([&](const Row &row) { states->merge(total, part, row.number); });
  });
  finish(total);
}

void DecodeKernel::emitSegment(const SplitKeys &split) {
  allocate();
  beginGroup(b.index(0), b.index(0));
  state = split.partOf(b);
  Value isFirst =
      b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, split.getSegment(), b.index(0));
  b.branch(
      isFirst, [&] { initialize(split.firstOf(b)); }, [] {});
  clear(state);
  Value begin = b.mul(split.getSegment(), b.index(tile.keysPerSegment));
  emitKeys(visibleBounds(), begin, b.add(begin, b.index(tile.keysPerSegment)));
  b.branch(
      split.isWhole(b), [&] { finish(state); }, [] {});
}

void DecodeKernel::forEachRow(function_ref<void(const Row &)> body) {
  b.loop(b.index(0), queries, 1, [&](Value query) {
    b.loop(b.index(0), b.index(group), 1, [&](Value head) {
      Value number = b.add(b.mul(query, b.index(group)), head);
      body({number, b.add(firstHead, head), query, b.add(firstPosition, query)});
    });
  });
}

void DecodeKernel::forEachRowTile(function_ref<void(const RowTile &)> body) {
  b.loop(b.index(0), queries, 1, [&](Value query) {
    b.loop(b.index(0), b.index(group), rowsPerTile, [&](Value head) {
      body({query, head, b.add(b.mul(query, b.index(group)), head)});
    });
  });
}

void DecodeKernel::beginGroup(Value batchIndex, Value keyHead) {
  batch = batchIndex;
  firstHead = b.mul(keyHead, b.index(group));
  keyView = viewOf(b, op.getKey(), op.getKeyPermutation(), {batch, keyHead});
  valueView = viewOf(b, op.getValue(), op.getValuePermutation(), {batch, keyHead});
  packQueries();
}

/// Whether the scores of all blocks of a segment come before all the rest, so that keys and values
/// are read in longer stretches: reading has to gain speed anew at the begin of each. Not where
/// blocks are skipped, as each would be tested twice.
bool DecodeKernel::scoresSegments() { return tile.keysPerSegment > 0 && !skipsBlocks(); }

/// A cache line more than the keys of a segment: rows a power of two apart would share few sets of
/// the cache.
int64_t DecodeKernel::scoresPerRow() {
  return scoresSegments() ? tile.keysPerSegment + 8 * cacheLine / scoreType.getWidth()
                          : tile.keysPerBlock;
}

void DecodeKernel::emitKeys(const MaskBounds &visible, Value lo, Value hi) {
  Value start = b.roundDown(b.createOrFold<arith::MaxSIOp>(lo, visible.anyLo), tile.keysPerBlock);
  auto forEachBlock = [&](function_ref<void(const Block &)> body) {
    b.loop(start, b.min(hi, visible.anyHi), tile.keysPerBlock, [&](Value begin) {
      scores = scoresSegments() ? viewScores(b.sub(begin, lo)) : segmentScores;
      Block block = blockAt(begin, visible);
      if (!scoresSegments())
        reading = readingOf(begin, visible);
      body(block);
    });
  };
  if (scoresSegments()) {
    reading = readingOf(start, visible);
    forEachBlock([&](const Block &block) { emitScores(block); });
  }
  forEachBlock([&](const Block &block) { whereVisible(block); });
}

/// The scores of the block that begins at a key, counted from the segment's first.
Value DecodeKernel::viewScores(Value key) {
  return tileOf(b, segmentScores, {b.index(0), key}, tile.lanes * group, tile.keysPerBlock);
}

/// While keys from `begin` on are read, and then their values.
DecodeKernel::Reading DecodeKernel::readingOf(Value begin, const MaskBounds &visible) {
  Value first = b.roundDown(visible.anyLo, tile.keysPerBlock);
  return {begin, visible.anyHi, b.add(keys, first)};
}

void DecodeKernel::emitBlock(const Block &begun) {
  Block block = begun;
  if (!scoresSegments())
    emitScores(block);
  forEachRow([&](const Row &row) {
    hideKeys(row, block);
    emitProbabilities(row, block);
  });
  forEachRowTile([&](const RowTile &rowTile) { addToSums(rowTile.number, block); });
  if (mask || op.hasScore())
    block.finite = checkValues(block);
  emitValues(block);
}

Value DecodeKernel::loadVector(Value memref, ValueRange at) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  auto type = VectorType::get({tile.lanes}, element);
  return b.convertFloat(vector::LoadOp::create(b, type, memref, at), scoreType);
}

Value DecodeKernel::multiplyAdd(Value x, Value y, Value z) {
  return emitMultiplyAdd(b, tile.fusedMultiplyAdd, x, y, z);
}
