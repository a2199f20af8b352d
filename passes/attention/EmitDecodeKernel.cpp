#include "passes/attention/EmitDecodeKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/attention/SoftmaxMath.h"
#include "passes/attention/StoredRows.h"
#include "passes/vector/Exp2Polynomial.h"
#include "passes/vector/RegionVectorizer.h"

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

bool DecodeKernel::maskDependsOnHead() { return !op.getMask().getArgument(1).use_empty(); }

/// What some and what all rows of a group see. The heads of a group may see different keys.
MaskBounds DecodeKernel::visibleBounds() {
  if (!mask)
    return unmaskedBounds(b, keys);
  if (op.getFill()) // which may give any key a weight
    return {b.index(0), b.index(0), b.index(0), keys};
  Value last = b.sub(b.add(firstPosition, queries), b.index(1));
  auto ofHead = [&](Value head) { return mask->emit(b, batch, head, firstPosition, last, keys); };
  if (!maskDependsOnHead())
    return ofHead(firstHead);
  Value inits[] = {keys, b.index(0), keys, b.index(0)};
  SmallVector<Value> all = foldHeads(inits, [&](Value head, ValueRange before) {
    MaskBounds next = ofHead(head);
    auto larger = [&](Value x, Value y) { return b.createOrFold<arith::MaxSIOp>(x, y); };
    return SmallVector<Value>{b.min(before[0], next.anyLo), larger(before[1], next.allLo),
                              b.min(before[2], next.allHi), larger(before[3], next.anyHi)};
  });
  return {all[0], all[1], all[2], all[3]};
}

SmallVector<Value> DecodeKernel::foldHeads(ValueRange inits, EmitBuilder::LoopBody body) {
  return b.loop(b.index(0), b.index(group), 1, inits, [&](Value number, ValueRange carried) {
    return body(b.add(firstHead, number), carried);
  });
}

void DecodeKernel::beginGroup(Value batchIndex, Value keyHead) {
  batch = batchIndex;
  firstHead = b.mul(keyHead, b.index(group));
  keyView = viewOf(b, op.getKey(), op.getKeyPermutation(), {batch, keyHead});
  valueView = viewOf(b, op.getValue(), op.getValuePermutation(), {batch, keyHead});
  packQueries();
}

/// Whether blocks are tested for a key that a row sees.
bool DecodeKernel::skipsBlocks() { return mask && mask->getBlocks().hasGaps() && !op.getFill(); }

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

DecodeKernel::Block DecodeKernel::blockAt(Value begin, const MaskBounds &visible) {
  // Keys past the last one that a row sees are left out: most of the cache of a short sequence.
  Value end = b.min(b.add(begin, b.index(tile.keysPerBlock)), visible.anyHi);
  auto isAtMost = [&](Value x, Value y) {
    return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, x, y);
  };
  Block block;
  block.begin = begin;
  block.count = b.sub(end, begin);
  block.isFull =
      b.createOrFold<arith::AndIOp>(isAtMost(visible.allLo, begin), isAtMost(end, visible.allHi));
  return block;
}

/// Whether a test holds for some or for all heads of the group.
template <typename Combine>
Value DecodeKernel::ofHeads(function_ref<Value(Value head)> test) {
  if (!maskDependsOnHead())
    return test(firstHead);
  Value neutral = b.constant(b.getI1Type(), std::is_same_v<Combine, arith::AndIOp> ? 1 : 0);
  return foldHeads(neutral, [&](Value head, ValueRange before) {
    return SmallVector<Value>{b.createOrFold<Combine>(before[0], test(head))};
  })[0];
}

/// Skips a block of which no row sees a key, and finds whether all rows see all of it.
void DecodeKernel::whereVisible(const Block &begun) {
  if (!skipsBlocks())
    return emitBlock(begun);
  Block block = begun;
  Value last = b.sub(b.add(firstPosition, queries), b.index(1));
  Value lastKey = b.sub(b.add(block.begin, block.count), b.index(1));
  auto rowsOf = [&](Value head) {
    return EmittedBlock{batch, head, firstPosition, last, block.begin, lastKey};
  };
  auto attend = [&] {
    Value every =
        ofHeads<arith::AndIOp>([&](Value head) { return mask->emitEvery(b, rowsOf(head)); });
    block.isFull = b.createOrFold<arith::OrIOp>(block.isFull, every);
    emitBlock(block);
  };
  Value some = ofHeads<arith::OrIOp>([&](Value head) { return mask->emitSome(b, rowsOf(head)); });
  b.branch(some, attend, [] {});
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

//===----------------------------------------------------------------------===//
// The state of a row
//===----------------------------------------------------------------------===//

/// scaledQueries[r][d], in scores' type: whole vectors, as conversions of single elements would
/// take as long as dozens of keys.
void DecodeKernel::scaleQueries(const RowTile &rowTile) {
  Value factor = emitQueryFactor(b, op, headDim);
  for (int64_t r = 0; r < rowsPerTile; ++r) {
    Value query = viewOf(b, op.getQuery(), op.getQueryPermutation(),
                         {batch, b.add(b.add(firstHead, rowTile.head), b.index(r))});
    auto type = cast<MemRefType>(query.getType());
    Value whole = type.isLastDimUnitStride() ? b.roundDown(headDim, tile.lanes) : b.index(0);
    b.loop(b.index(0), whole, tile.lanes, [&](Value d) {
      Value vector = loadVector(query, {rowTile.query, d});
      vector = arith::MulFOp::create(b, vector, b.splat(vectorType, factor));
      vector::StoreOp::create(b, vector, scaledQueries, ValueRange{b.index(r), d});
    });
    b.loop(whole, headDim, 1, [&](Value d) {
      Value element = memref::LoadOp::create(b, query, ValueRange{rowTile.query, d});
      Value scaled = arith::MulFOp::create(b, b.convertFloat(element, scoreType), factor);
      memref::StoreOp::create(b, scaled, scaledQueries, ValueRange{b.index(r), d});
    });
  }
}

/// Of one query, for vectors of keys that are not together; of more, the next take their place.
int64_t DecodeKernel::queryCopies() {
  return multipliesFromRegisters() && !stagesKeys()
             ? llvm::divideCeil(keyVectors(), vectorsTogether())
             : 1;
}

void DecodeKernel::packQueries() {
  forEachRowTile([&](const RowTile &rowTile) {
    scaleQueries(rowTile);
    Value place = b.divide(rowTile.number, rowsPerTile);
    b.loop(b.index(0), headDim, 1, [&](Value d) {
      for (int64_t r = 0; r < rowsPerTile; ++r) {
        Value scaled = memref::LoadOp::create(b, scaledQueries, ValueRange{b.index(r), d});
        for (int64_t copy = 0; copy < queryCopies(); ++copy) {
          Value at[] = {b.add(place, b.index(copy)), d, b.index(r)};
          memref::StoreOp::create(b, scaled, packedQueries, at);
        }
      }
    });
  });
}

void DecodeKernel::clear(const DecodeState &of) {
  forEachRow([&](const Row &row) { states->clear(of, row.number); });
}

void DecodeKernel::initialize(const DecodeState &of) {
  clear(of);
  if (!op.hasSink())
    return;
  // The sink is one more key, whose value is zero, and comes first.
  forEachRow([&](const Row &row) {
    Value logit = cloneOnLanes(b, op.getSink(), {batch, row.head, row.position}, 1);
    logit = vector::ExtractOp::create(b, logit, 0);
    logit = arith::MulFOp::create(b, logit, b.constant(scoreType, softmax::log2e));
    Value maximum = emitLarger(b, b.constant(scoreType, -softmax::infinity), logit);
    Value sum = states->exponential(logit, emitFiniteMaximum(b, maximum));
    memref::StoreOp::create(b, maximum, of.maxima, row.number);
    memref::StoreOp::create(b, sum, of.sums, row.number);
  });
}

void DecodeKernel::finish(const DecodeState &of) {
  forEachRow([&](const Row &row) {
    Value output = viewOf(b, op.getOutputInit(), op.getOutputPermutation(), {batch, row.head});
    states->storeOutput(of, row.number, output, row.query);
    Value lse = op.getLseInit();
    if (!lse)
      return;
    Type element = cast<MemRefType>(lse.getType()).getElementType();
    memref::StoreOp::create(b, b.convertFloat(states->emitLse(of, row.number), element), lse,
                            ValueRange{batch, row.head, row.query});
  });
}

Value DecodeKernel::loadVector(Value memref, ValueRange at) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  auto type = VectorType::get({tile.lanes}, element);
  return b.convertFloat(vector::LoadOp::create(b, type, memref, at), scoreType);
}

Value DecodeKernel::multiplyAdd(Value x, Value y, Value z) {
  return emitMultiplyAdd(b, tile.fusedMultiplyAdd, x, y, z);
}
