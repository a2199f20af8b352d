// Keys to columns: transposed in registers, in words of 32 bits where elements are narrower.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/attention/EmitDecodeKernel.h"
#include "passes/attention/StoredRows.h"
#include "passes/vector/VectorTranspose.h"

using namespace mlir;
using namespace fovea;

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
