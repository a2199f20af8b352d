// From keys to scores, a row of scores with its keys along lanes. Keys are transposed in registers;
// where arithmetic is the bound, while others are multiplied: shuffles are other units' work.
#include "dialect/CacheRows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/attention/EmitDecodeKernel.h"
#include "passes/attention/StoredRows.h"
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
int64_t DecodeKernel::spareRegisters() {
  Type element = getElementTypeOrSelf(op.getKey());
  return !holdsWords() ? 3 : element.isF16() ? 5 : 4;
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
  auto words = VectorType::get({tile.lanes / 2}, b.getI32Type());
  SmallVector<Vectors> columns(keyRegisters());
  for (; !rows.empty(); rows = rows.drop_front(tile.lanes)) {
    auto rowAt = [&](int64_t t) -> Value {
      if (!holdsWords())
        return loadRowPart(b, source, rows[t], column, keyColumns(), scoreType);
      Value stored = vector::LoadOp::create(b, part, source, ValueRange{rows[t], column});
      return vector::BitCastOp::create(b, words, stored);
    };
    SmallVector<Value> transposed =
        keyRegisters() < tile.lanes
            ? transposeTall(b, holdsWords() ? words : part.clone(scoreType), rowAt)
            : transposeSquare(b, llvm::map_to_vector(llvm::seq(tile.lanes), rowAt));
    for (auto [into, vector] : llvm::zip_equal(columns, transposed))
      into.push_back(vector);
  }
  return columns;
}

/// The two columns of vectors of words of 16-bit floats, in scores' type.
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

/// Byte `number` of vectors of words of quantised rows, a column, with these scales.
DecodeKernel::Vectors DecodeKernel::columnOfBytes(ValueRange words, int64_t number,
                                                  ValueRange scales) {
  Vectors column;
  for (auto [word, scale] : llvm::zip_equal(words, scales)) {
    auto shift = [&](int64_t by) { return b.constant(word.getType(), by); };
    Value byte = word; // in the upper bits, and then with its sign
    if (number < 3)
      byte = arith::ShLIOp::create(b, byte, shift(24 - 8 * number));
    byte = arith::ShRSIOp::create(b, byte, shift(24));
    Value multiple = arith::SIToFPOp::create(b, vectorType, byte);
    column.push_back(arith::MulFOp::create(b, multiple, scale));
  }
  return column;
}

/// The columns of transposed keys in order, in scores' type: one of vectors, or those of words.
void DecodeKernel::forEachColumn(ValueRange held, ValueRange scales,
                                 function_ref<void(ValueRange)> body) {
  switch (columnsPerWord()) {
  case 1:
    return body(held);
  case 2:
    for (const Vectors &column : splitPairs(held))
      body(column);
    return;
  default:
    for (int64_t number = 0; number < columnsPerWord(); ++number)
      body(columnOfBytes(held, number, scales));
  }
}

/// Of quantised keys a vector of scales for each of keys; else none.
DecodeKernel::Vectors DecodeKernel::scalesOfWords(Value source, ValueRange rows, Value column) {
  Vectors scales;
  for (; columnsPerWord() == 4 && !rows.empty(); rows = rows.drop_front(tile.lanes))
    scales.push_back(loadScales(b, source, rows.take_front(tile.lanes), column));
  return scales;
}

/// The products of columns that are transposed: what transposeKeys() returned of `column`.
DecodeKernel::Vectors DecodeKernel::multiplyTransposed(ArrayRef<Vectors> transposed,
                                                       ValueRange scales, Value column,
                                                       int64_t firstVector, Vectors carried) {
  int64_t next = 0;
  for (const Vectors &held : transposed)
    forEachColumn(held, scales, [&](ValueRange vectors) {
      carried = multiplyColumn(b.add(column, b.index(next++)), vectors, firstVector, carried);
    });
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

/// How many registers of a vector of keys are multiplied before the next columns are transposed, so
/// that one group of chunks finds room; none if there is no such time.
int64_t DecodeKernel::registersMultipliedFirst(int64_t vectors) {
  int64_t left = tile.registers - vectors * (keyRegisters() + rowsPerTile) - spareRegisters();
  int64_t needed = tile.lanes / 4 + 2;
  return std::max<int64_t>(llvm::divideCeil(needed - left, vectors), 0);
}

/// Whether keys are transposed while the columns before are multiplied, and share registers: those
/// of 16 bits, which arithmetic bounds. What is read from memory at twice the bytes waits for
/// loads, and had better ask for them early.
bool DecodeKernel::transposesAhead(int64_t vectors) {
  return !stagesKeys() && vectors == vectorsTogether() && vectors == keyVectors() &&
         rowsPerTile > 1 && holdsWords() && registersMultipliedFirst(vectors) <= keyRegisters() / 4;
}

/// Whether transposed columns go through memory, of which those before are multiplied meanwhile:
/// where registers hold the sums of two vectors of keys but not their columns beside them. Of words
/// each column is stored, which pays for four rows but neither for two nor for eight.
bool DecodeKernel::stagesKeys() {
  bool pays = !holdsWords() || (rowsPerTile > 2 && rowsPerTile <= 4);
  bool isTall = keyRegisters() < tile.lanes && rowsPerTile > 1 && rowsPerTile == group;
  int64_t sums = 2 * rowsPerTile, atWork = 2 + 1 + tile.lanes / 2 + 1;
  return pays && isTall && sums + atWork <= tile.registers &&
         sums + 2 * keyRegisters() + spareRegisters() > tile.registers;
}

/// Columns [0, whole) of the keys in rows `rows` of `source`, added to `sums`.
DecodeKernel::Vectors DecodeKernel::multiplyColumns(Value source, ValueRange rows, Value whole,
                                                    const Place &ahead, Vectors sums) {
  int64_t vectors = rows.size() / tile.lanes, together = std::min(vectors, vectorsTogether());
  return b.loop(b.index(0), whole, keyColumns(), sums, [&](Value column, ValueRange carried) {
    fetchKeys(ahead, column, rows.size());
    Vectors next(carried);
    for (int64_t v = 0; v < vectors; v += together) {
      ValueRange part = rows.slice(v * tile.lanes, together * tile.lanes);
      Vectors scales = scalesOfWords(source, part, column);
      next = multiplyTransposed(transposeKeys(source, part, column), scales, column, v, next);
    }
    return next;
  });
}

/// The same where keys are transposed ahead: a loop carries the sums and what is multiplied next.
/// Past the last columns these are transposed again, in the time of multiplications.
DecodeKernel::Vectors DecodeKernel::multiplyColumnsAhead(Value source, ValueRange rows, Value whole,
                                                         const Place &ahead, Vectors sums) {
  int64_t vectors = rows.size() / tile.lanes, count = sums.size();
  Value last = b.sub(whole, b.index(keyColumns()));
  Vectors inits = sums;
  for (const Vectors &held : transposeKeys(source, rows, b.index(0)))
    llvm::append_range(inits, held);
  Vectors ended = b.loop(b.index(0), whole, keyColumns(), inits, [&](Value column, ValueRange in) {
    SmallVector<Vectors> held, following;
    for (int64_t r = 0; r < keyRegisters(); ++r)
      held.push_back(llvm::to_vector(in.slice(count + r * vectors, vectors)));
    int64_t first = registersMultipliedFirst(vectors);
    Vectors scales = scalesOfWords(source, rows, column);
    Vectors next = multiplyTransposed(ArrayRef(held).take_front(first), scales, column, 0,
                                      llvm::to_vector(in.take_front(count)));
    Value rest = b.add(column, b.index(first * columnsPerWord()));
    Value then = b.min(b.add(column, b.index(keyColumns())), last);
    b.interleave(
        [&] { next = multiplyTransposed(ArrayRef(held).drop_front(first), scales, rest, 0, next); },
        [&] {
          fetchKeys(ahead, column, rows.size());
          following = transposeKeys(source, rows, then);
        });
    for (const Vectors &transposed : following)
      llvm::append_range(next, transposed);
    return next;
  });
  ended.resize(count);
  return ended;
}

/// stagedKeys[slot] = columns from `column` on, in scores' type.
void DecodeKernel::stageKeys(Value source, ValueRange rows, Value column, Value slot) {
  for (int64_t v = 0; v < keyVectors(); ++v) {
    ValueRange ofVector = rows.slice(v * tile.lanes, tile.lanes);
    Vectors scales = scalesOfWords(source, ofVector, column);
    int64_t next = 0;
    for (const Vectors &held : transposeKeys(source, ofVector, column))
      forEachColumn(held, scales, [&](ValueRange vectors) {
        Value at[] = {slot, b.index(next++), b.index(v * tile.lanes)};
        vector::StoreOp::create(b, vectors[0], stagedKeys, at);
      });
  }
}

/// The same where columns go through memory.
DecodeKernel::Vectors DecodeKernel::multiplyColumnsStaged(Value source, ValueRange rows,
                                                          Value whole, const Place &ahead,
                                                          Vectors sums) {
  Value last = b.sub(whole, b.index(keyColumns()));
  stageKeys(source, rows, b.index(0), b.index(0));
  return b.loop(b.index(0), whole, keyColumns(), sums, [&](Value column, ValueRange carried) {
    Value number = b.divide(column, keyColumns());
    Value slot = b.createOrFold<arith::RemUIOp>(number, b.index(2));
    Value then = b.min(b.add(column, b.index(keyColumns())), last);
    Vectors next(carried);
    auto multiply = [&] {
      for (int64_t c = 0; c < keyColumns(); ++c) {
        Vectors staged;
        for (int64_t v = 0; v < keyVectors(); ++v)
          staged.push_back(loadVector(stagedKeys, {slot, b.index(c), b.index(v * tile.lanes)}));
        next = multiplyColumn(b.add(column, b.index(c)), staged, 0, next);
      }
    };
    b.interleave(multiply, [&] {
      fetchKeys(ahead, column, rows.size());
      stageKeys(source, rows, then, b.sub(b.index(1), slot));
    });
    return next;
  });
}

/// scores[rows][key...] of the keys in rows `rows` of `source`.
void DecodeKernel::multiplyKeys(Value key, Value source, ValueRange rows, const Place &ahead) {
  int64_t vectors = rows.size() / tile.lanes;
  Vectors zeros(vectors * rowsPerTile, b.constant(vectorType, 0.0));
  Value columns = emitRowElements(b, source, 1);
  bool dense = cast<MemRefType>(source.getType()).isLastDimUnitStride();
  Value whole = dense ? b.roundDown(columns, keyColumns()) : b.index(0);
  bool isKnown = getConstantIntValue(whole).value_or(0) > 0;
  bool isStaged = isKnown && stagesKeys() && vectors == keyVectors();
  Vectors sum = isStaged ? multiplyColumnsStaged(source, rows, whole, ahead, zeros)
                : isKnown && transposesAhead(vectors)
                    ? multiplyColumnsAhead(source, rows, whole, ahead, zeros)
                    : multiplyColumns(source, rows, whole, ahead, zeros);
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
