// From keys to probabilities, a row of scores with its keys along lanes.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/attention/EmitDecodeKernel.h"
#include "passes/attention/SoftmaxMath.h"
#include "passes/attention/StoredRows.h"
#include "passes/vector/Exp2Polynomial.h"
#include "passes/vector/LaneLoads.h"
#include "passes/vector/RegionVectorizer.h"
#include "passes/vector/VectorTranspose.h"

using namespace mlir;
using namespace fovea;

/// Whether transposed keys of one query are taken from registers: a single tile of rows needs each
/// once. More tiles share packed keys.
bool DecodeKernel::multipliesFromRegisters() { return rowsPerTile == group && keepsKeys(); }

Value DecodeKernel::isOneQuery() {
  return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, queries, b.index(1));
}

void DecodeKernel::emitScores(const Block &block) {
  if (!multipliesFromRegisters())
    return emitPackedScores(block);
  b.branch(
      isOneQuery(), [&] { emitScoresOfOne(block); }, [&] { emitPackedScores(block); });
}

/// Whether keys of 16 bits are transposed two columns at a time, as if these were one of 32 bits:
/// half the shuffles, and half the registers until they are needed.
bool DecodeKernel::holdsPairs() {
  Type element = getElementTypeOrSelf(op.getKey());
  return element.getIntOrFloatBitWidth() == 16 && scoreType.isF32() &&
         canTransposeHalves(VectorType::get({tile.lanes / 2}, b.getI32Type()));
}

/// Columns of keys that are transposed at a time: half a vector's where that takes fewer shuffles
/// than a square, and leaves registers for more keys; pairs of so many.
int64_t DecodeKernel::keyColumns() {
  bool isTall = getElementTypeOrSelf(op.getKey()) == scoreType &&
                canTransposeHalves(VectorType::get({tile.lanes / 2}, scoreType));
  return isTall ? tile.lanes / 2 : tile.lanes;
}

/// Registers that hold these columns of a vector of keys.
int64_t DecodeKernel::keyRegisters() { return holdsPairs() ? tile.lanes / 2 : keyColumns(); }

/// Registers beside those of keys and accumulators: for what is broadcast, shuffled, and split off.
int64_t DecodeKernel::spareRegisters() {
  Type element = getElementTypeOrSelf(op.getKey());
  return !holdsPairs() ? 3 : element.isBF16() ? 4 : 5;
}

/// Whether registers hold the transposed columns of a vector of keys, the accumulators of their
/// products and a broadcast element.
bool DecodeKernel::keepsKeys() { return keyRegisters() + rowsPerTile + 1 <= tile.registers; }

/// Vectors of keys at work at a time: as many as have four accumulators, so that none waits for
/// itself, and two at least, but at most the keys of a chunk, which all are fetched ahead.
int64_t DecodeKernel::keyVectors() {
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

/// The products of a column of vectors of keys with the packed queries.
DecodeKernel::Vectors DecodeKernel::multiplyColumn(Value column, ValueRange keyVectors,
                                                   int64_t firstVector, Vectors carried) {
  for (int64_t r = 0; r < rowsPerTile; ++r) {
    // A copy for those that are together: of one, LLVM would keep all that is broadcast in
    // registers.
    Value at[] = {b.index(firstVector / vectorsTogether()), column, b.index(r)};
    Value splat = b.splat(vectorType, memref::LoadOp::create(b, packedQueries, at));
    for (auto [v, keys] : llvm::enumerate(keyVectors)) {
      Value &sum = carried[(firstVector + v) * rowsPerTile + r];
      sum = multiplyAdd(splat, keys, sum);
    }
  }
  return carried;
}

/// Columns from `column` on of vectors of keys, transposed: what keyRegisters() registers hold.
SmallVector<DecodeKernel::Vectors> DecodeKernel::transposeKeys(Value source, ValueRange rows,
                                                               Value column) {
  auto part = VectorType::get({keyColumns()}, cast<MemRefType>(source.getType()).getElementType());
  auto pairs = VectorType::get({tile.lanes / 2}, b.getI32Type());
  SmallVector<Vectors> columns(keyRegisters());
  for (; !rows.empty(); rows = rows.drop_front(tile.lanes)) {
    Vectors loaded = llvm::map_to_vector(rows.take_front(tile.lanes), [&](Value row) -> Value {
      if (!holdsPairs())
        return loadRowPart(b, source, row, column, keyColumns(), scoreType);
      Value stored = vector::LoadOp::create(b, part, source, ValueRange{row, column});
      return vector::BitCastOp::create(b, pairs, stored);
    });
    SmallVector<Value> transposed =
        keyRegisters() < tile.lanes ? transposeTall(b, loaded) : transposeSquare(b, loaded);
    for (auto [into, vector] : llvm::zip_equal(columns, transposed))
      into.push_back(vector);
  }
  return columns;
}

/// The two columns of vectors of pairs, in scores' type.
SmallVector<DecodeKernel::Vectors> DecodeKernel::splitPairs(ValueRange pairs) {
  SmallVector<Vectors> columns(2);
  auto stored = cast<FloatType>(cast<MemRefType>(keyView.getType()).getElementType());
  VectorType bits = vectorType.clone(b.getI32Type());
  for (Value pair : pairs) {
    if (stored.isBF16()) { // the upper half of an f32
      Value low = arith::ShLIOp::create(b, pair, b.constant(bits, 16));
      Value high = arith::AndIOp::create(b, pair, b.constant(bits, int32_t(0xffff0000)));
      columns[0].push_back(arith::BitcastOp::create(b, vectorType, low));
      columns[1].push_back(arith::BitcastOp::create(b, vectorType, high));
      continue;
    }
    Value halves = vector::BitCastOp::create(b, VectorType::get({2 * tile.lanes}, stored), pair);
    SmallVector<int64_t> order;
    for (int64_t half = 0; half < 2; ++half)
      for (int64_t lane = 0; lane < tile.lanes; ++lane)
        order.push_back(2 * lane + half);
    Value sorted = vector::ShuffleOp::create(b, halves, halves, order);
    for (auto [half, into] : llvm::enumerate(columns))
      into.push_back(b.convertFloat(b.slice(sorted, half * tile.lanes, tile.lanes), scoreType));
  }
  return columns;
}

/// The products of the columns that are transposed at a time.
DecodeKernel::Vectors DecodeKernel::multiplyTransposed(Value source, ValueRange rows, Value column,
                                                       int64_t firstVector, Vectors carried) {
  int64_t next = 0;
  for (const Vectors &held : transposeKeys(source, rows, column))
    for (const Vectors &vectors : holdsPairs() ? splitPairs(held) : SmallVector<Vectors>{held}) {
      carried = multiplyColumn(b.add(column, b.index(next)), vectors, firstVector, carried);
      ++next;
    }
  return carried;
}

/// One column of vectors of keys.
DecodeKernel::Vectors DecodeKernel::gatherColumn(Value source, ValueRange rows, Value column) {
  Vectors vectors;
  for (; !rows.empty(); rows = rows.drop_front(tile.lanes)) {
    Vectors elements = llvm::map_to_vector(rows.take_front(tile.lanes), [&](Value row) -> Value {
      return loadRowElement(b, source, row, column, scoreType);
    });
    vectors.push_back(vector::FromElementsOp::create(b, vectorType, elements));
  }
  return vectors;
}

/// scores[rows][key...] of the keys in rows `rows` of `source`.
void DecodeKernel::multiplyKeys(Value key, Value source, ValueRange rows, const Place &ahead) {
  int64_t vectors = rows.size() / tile.lanes, together = std::min(vectors, vectorsTogether());
  Vectors zeros(vectors * rowsPerTile, b.constant(vectorType, 0.0));
  Value columns = emitRowElements(b, source, 1);
  bool dense = cast<MemRefType>(source.getType()).isLastDimUnitStride();
  Value whole = dense ? b.roundDown(columns, keyColumns()) : b.index(0);
  auto multiplyPart = [&](Value column, ValueRange carried) {
    fetchKeys(ahead, column, rows.size());
    Vectors next(carried);
    for (int64_t v = 0; v < vectors; v += together) {
      ValueRange part = rows.slice(v * tile.lanes, together * tile.lanes);
      next = multiplyTransposed(source, part, column, v, next);
    }
    return next;
  };
  Vectors sum = b.loop(b.index(0), whole, keyColumns(), zeros, multiplyPart);
  sum = b.loop(whole, columns, 1, sum, [&](Value column, ValueRange carried) {
    return multiplyColumn(column, gatherColumn(source, rows, column), 0, Vectors(carried));
  });
  for (int64_t v = 0; v < vectors; ++v)
    for (int64_t r = 0; r < rowsPerTile; ++r) {
      Value at[] = {b.index(r), b.add(key, b.index(v * tile.lanes))};
      vector::StoreOp::create(b, sum[v * rowsPerTile + r], scores, at);
    }
}

void DecodeKernel::emitScoresOfOne(const Block &block) {
  Value last = b.sub(keys, b.index(1));
  int64_t keysAtOnce = keyVectors() * tile.lanes;
  b.loop(b.index(0), block.count, keysAtOnce, [&](Value key) {
    Value first = b.add(block.begin, key), end = b.add(first, b.index(keysAtOnce));
    auto multiplyFollowing = [&] {
      // Rows of a view are constants, so that all need one pointer: registers hold but a few.
      OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
      OpFoldResult offsets[] = {first, zero}, strides[] = {one, one};
      OpFoldResult sizes[] = {b.getIndexAttr(keysAtOnce),
                              memref::getMixedSize(b, b.getLoc(), keyView, 1)};
      Value view = memref::SubViewOp::create(b, keyView, offsets, sizes, strides);
      auto rows = llvm::map_to_vector(llvm::seq(keysAtOnce), [&](int64_t t) { return b.index(t); });
      multiplyKeys(key, view, rows, afterKeys(first));
    };
    // At the end of the keys one vector at a time: each row has a pointer of its own.
    auto multiplyLast = [&] {
      b.loop(b.index(0), b.index(keysAtOnce), tile.lanes, [&](Value offset) {
        Value begin = b.min(b.add(first, offset), last);
        multiplyKeys(b.add(key, offset), keyView, packer.rowsUpTo(begin, last, tile.lanes),
                     afterKeys(begin));
      });
    };
    b.branch(b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, end, keys), multiplyFollowing,
             multiplyLast);
  });
}

void DecodeKernel::emitPackedScores(const Block &block) {
  Value last = b.sub(keys, b.index(1));
  b.loop(b.index(0), block.count, vectorsPerTile * tile.lanes, [&](Value key) {
    b.loop(b.index(0), b.index(vectorsPerTile), 1, [&](Value v) {
      Value first = b.add(b.add(block.begin, key), b.mul(v, b.index(tile.lanes)));
      packer.packPanel(keyView, b.min(first, last), last, tile.lanes, Value(), packedKeys, v);
    });
    forEachRowTile([&](const RowTile &rowTile) { multiplyTile(key, rowTile.number); });
  });
}

/// scores[rows of the tile][keys of the tile], in registers over the head dim.
void DecodeKernel::multiplyTile(Value key, Value number) {
  Value place = b.divide(number, rowsPerTile);
  Vectors zeros(rowsPerTile * vectorsPerTile, b.constant(vectorType, 0.0));
  Vectors sum = b.loop(b.index(0), headDim, 1, zeros, [&](Value d, ValueRange carried) {
    Vectors keyVectors, next;
    for (int64_t v = 0; v < vectorsPerTile; ++v)
      keyVectors.push_back(loadVector(packedKeys, {b.index(v), d, b.index(0)}));
    for (int64_t r = 0; r < rowsPerTile; ++r) {
      Value element = memref::LoadOp::create(b, packedQueries, ValueRange{place, d, b.index(r)});
      Value splat = b.splat(vectorType, element);
      for (Value vector : keyVectors)
        next.push_back(multiplyAdd(splat, vector, carried[next.size()]));
    }
    return next;
  });
  for (int64_t r = 0; r < rowsPerTile; ++r)
    for (int64_t v = 0; v < vectorsPerTile; ++v) {
      Value at[] = {b.add(number, b.index(r)), b.add(key, b.index(v * tile.lanes))};
      vector::StoreOp::create(b, sum[r * vectorsPerTile + v], scores, at);
    }
}

/// Score function and mask of a vector of keys. Past the block's last key, positions that memory is
/// read by are those of the last, and scores are hidden.
void DecodeKernel::rescore(const Row &row, const Block &block, Value key, bool masked,
                           bool pastEnd) {
  auto indices = VectorType::get({tile.lanes}, b.getIndexType());
  Value at[] = {row.number, key};
  Value score = loadVector(scores, at), allowed;
  Value positions =
      arith::AddIOp::create(b, emitSteps(b, indices), b.splat(indices, b.add(block.begin, key)));
  if (pastEnd) {
    Value pastLast = b.add(block.begin, block.count);
    Value end = b.splat(indices, pastLast), last = b.splat(indices, b.sub(pastLast, b.index(1)));
    allowed = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, positions, end);
    positions = arith::MinSIOp::create(b, positions, last);
  }
  if (op.hasScore()) {
    score = cloneOnLanes(b, op.getScore(), {score, batch, row.head, row.position, positions},
                         tile.lanes);
    score = arith::MulFOp::create(b, score, b.constant(vectorType, softmax::log2e));
  }
  if (masked) {
    Value seen =
        cloneOnLanes(b, op.getMask(), {batch, row.head, row.position, positions}, tile.lanes);
    if (op.getFill())
      score = arith::SelectOp::create(b, seen, score, b.constant(vectorType, maskedExponent(op)));
    else
      allowed = allowed ? arith::AndIOp::create(b, allowed, seen).getResult() : seen;
  }
  if (allowed)
    score = arith::SelectOp::create(b, allowed, score, b.constant(vectorType, -softmax::infinity));
  vector::StoreOp::create(b, score, scores, at);
}

/// Applies score function and mask, and hides what lies past the last key.
void DecodeKernel::hideKeys(const Row &row, const Block &block) {
  Value inside = b.roundDown(block.count, tile.lanes);
  auto rescoreAll = [&](bool masked) {
    auto forKeys = [&](Value lo, Value hi, bool pastEnd) {
      b.loop(lo, hi, tile.lanes, [&](Value key) { rescore(row, block, key, masked, pastEnd); });
    };
    if (masked || op.hasScore())
      forKeys(b.index(0), inside, /*pastEnd=*/false);
    forKeys(inside, b.index(tile.keysPerBlock), /*pastEnd=*/true);
  };
  if (!mask)
    return rescoreAll(/*masked=*/false);
  b.branch(
      block.isFull, [&] { rescoreAll(/*masked=*/false); }, [&] { rescoreAll(/*masked=*/true); });
}

void DecodeKernel::emitProbabilities(const Row &row, const Block &block) {
  Value before = memref::LoadOp::create(b, state.maxima, row.number);
  Vectors none = {b.constant(vectorType, -softmax::infinity)};
  auto forEachVector = [&](Vectors inits, EmitBuilder::LoopBody body) {
    return b.loop(b.index(0), b.index(tile.keysPerBlock), tile.lanes, inits, body);
  };
  Value lanes = forEachVector(none, [&](Value key, ValueRange carried) {
    return Vectors{emitLarger(b, carried[0], loadVector(scores, {row.number, key}))};
  })[0];
  lanes = b.reduceLanes(lanes, [&](Value x, Value y) { return emitLarger(b, x, y); });
  Value after = emitLarger(b, before, vector::ExtractOp::create(b, lanes, 0));
  Value finite = emitFiniteMaximum(b, after);
  rescale(row, before, after, finite);
  Value splat = b.splat(vectorType, finite);
  forEachVector({}, [&](Value key, ValueRange) {
    fetchFirstValues(row, block, key);
    Value at[] = {row.number, key};
    Value exponent = arith::SubFOp::create(b, loadVector(scores, at), splat);
    vector::StoreOp::create(b, emitExp2(b, exponent, tile.fusedMultiplyAdd), scores, at);
    return Vectors();
  });
}

/// Adds the probabilities key after key, as other kernels do: the rows of a tile together, as one
/// would wait for each addition.
void DecodeKernel::addToSums(Value number, const Block &block) {
  auto rowOf = [&](int64_t r) { return b.add(number, b.index(r)); };
  auto eachRow = [&](function_ref<Value(int64_t)> make) -> Vectors {
    return llvm::map_to_vector(llvm::seq<int64_t>(rowsPerTile), make);
  };
  Vectors before =
      eachRow([&](int64_t r) -> Value { return memref::LoadOp::create(b, state.sums, rowOf(r)); });
  Vectors after = b.loop(b.index(0), block.count, 1, before, [&](Value key, ValueRange carried) {
    return eachRow([&](int64_t r) -> Value {
      Value p = memref::LoadOp::create(b, scores, ValueRange{rowOf(r), key});
      return arith::AddFOp::create(b, carried[r], p);
    });
  });
  for (int64_t r = 0; r < rowsPerTile; ++r)
    memref::StoreOp::create(b, after[r], state.sums, rowOf(r));
}

/// Brings the row's sum and output to a new maximum, if it has grown.
void DecodeKernel::rescale(const Row &row, Value before, Value after, Value finite) {
  Value grew = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, after, before);
  auto branch = scf::IfOp::create(b, grew);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  memref::StoreOp::create(b, after, state.maxima, row.number);
  Value factor = states->exponential(before, finite);
  Value sum = memref::LoadOp::create(b, state.sums, row.number);
  Value scaled = arith::MulFOp::create(b, sum, factor);
  memref::StoreOp::create(b, scaled, state.sums, row.number);
  Value factors = b.splat(vectorType, factor);
  b.loop(b.index(0), valueDim, tile.lanes, [&](Value column) {
    Value at[] = {row.number, column};
    Value output = emitRescaled(b, op, loadVector(state.outputs, at), factors);
    vector::StoreOp::create(b, output, state.outputs, at);
  });
}
