#include "passes/contraction/QuantizedRows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace fovea;
using attn::quantizedGroup;

/// The largest magnitude that 16 bits hold on both sides of 0.
static constexpr double levels = 32767;
/// A group of smaller magnitudes is taken for zeros: its scale's inverse would be infinite.
static constexpr double smallest = 1e-30;
/// Added to a float of magnitude below 2^22, leaves its nearest integer, ties to even, in the low
/// bits: 1.5 * 2^23.
static constexpr double rounder = 12582912;
static constexpr int64_t rounderBits = 0x4B400000;

Value QuantizedRows::load(EmitBuilder &b, const QuantizedRowLayout &layout, Value first,
                          Value group, Value place, int64_t count, int64_t r) const {
  Value word = b.add(b.mul(group, b.index(layout.groupWords())), place);
  Value at = b.add(b.add(b.mul(first, b.index(layout.rowWords())), b.mul(word, b.index(count))),
                   b.index(r));
  SmallVector<Value> indices = leading;
  indices.push_back(at);
  return memref::LoadOp::create(b, memref, indices);
}

SmallVector<Value> RowQuantizer::loadGroup(Value row, Value group) {
  SmallVector<Value> elements;
  Value k = b.mul(group, b.index(quantizedGroup));
  for (int64_t i = 0; i < quantizedGroup; i += lanes)
    elements.push_back(factor.loadVector(b, row, b.add(k, b.index(i)), lanes));
  return elements;
}

/// Element by element, zeros past the end.
SmallVector<Value> RowQuantizer::loadPaddedGroup(Value row, Value group) {
  Value k0 = b.mul(group, b.index(quantizedGroup)), last = b.sub(depth, b.index(1));
  b.loop(b.index(0), b.index(quantizedGroup), 1, [&](Value i) {
    Value k = b.add(k0, i);
    Value element = factor.loadScalar(b, row, b.min(k, last));
    Value isInside = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::slt, k, depth);
    Value zero = b.constant(element.getType(), 0);
    memref::StoreOp::create(b, arith::SelectOp::create(b, isInside, element, zero), buffer, i);
  });
  SmallVector<Value> elements;
  auto type = VectorType::get({lanes}, b.getF32Type());
  for (int64_t i = 0; i < quantizedGroup; i += lanes)
    elements.push_back(vector::LoadOp::create(b, type, buffer, b.index(i)));
  return elements;
}

static Value reduce(EmitBuilder &b, ArrayRef<Value> vectors,
                    function_ref<Value(Value, Value)> combine) {
  Value all = vectors.front();
  for (Value vector : vectors.drop_front())
    all = combine(all, vector);
  return vector::ExtractOp::create(b, b.reduceLanes(all, combine), ArrayRef<int64_t>{0});
}

/// The largest magnitude, a NaN above all others: bits of floats without their sign are ordered so.
static Value largestMagnitude(EmitBuilder &b, ArrayRef<Value> elements) {
  auto type = VectorType::get(cast<VectorType>(elements[0].getType()).getShape(), b.getI32Type());
  SmallVector<Value> magnitudes;
  for (Value vector : elements)
    magnitudes.push_back(arith::AndIOp::create(b, arith::BitcastOp::create(b, type, vector),
                                               b.constant(type, 0x7FFFFFFF)));
  Value bits = reduce(b, magnitudes,
                      [&](Value x, Value y) -> Value { return arith::MaxSIOp::create(b, x, y); });
  return arith::BitcastOp::create(b, b.getF32Type(), bits);
}

void RowQuantizer::packGroup(ArrayRef<Value> elements, function_ref<void(Value, int64_t)> store) {
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  auto floats = VectorType::get({lanes}, f32), words = VectorType::get({lanes}, i32);
  Value largest = largestMagnitude(b, elements), zero = b.constant(f32, 0);
  Value isZero =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, largest, b.constant(f32, smallest));
  Value most = b.constant(f32, levels);
  Value scale = arith::SelectOp::create(b, isZero, zero, arith::DivFOp::create(b, largest, most));
  Value inverse = arith::SelectOp::create(b, isZero, zero, arith::DivFOp::create(b, most, largest));
  SmallVector<Value> levelsOf;
  for (auto [v, vector] : llvm::enumerate(elements)) {
    Value ratio = arith::MulFOp::create(b, vector, b.splat(floats, inverse));
    Value shifted = arith::AddFOp::create(b, ratio, b.constant(floats, rounder));
    levelsOf.push_back(arith::SubIOp::create(b, arith::BitcastOp::create(b, words, shifted),
                                             b.constant(words, rounderBits)));
    Value narrow =
        arith::TruncIOp::create(b, VectorType::get({lanes}, b.getI16Type()), levelsOf.back());
    Value pairs = vector::BitCastOp::create(b, VectorType::get({lanes / 2}, i32), narrow);
    for (int64_t i = 0; i < lanes / 2; ++i)
      store(vector::ExtractOp::create(b, pairs, ArrayRef<int64_t>{i}),
            static_cast<int64_t>(v) * lanes / 2 + i);
  }
  store(arith::BitcastOp::create(b, i32, scale), QuantizedRowLayout::scale);
  if (layout.format == attn::WeightFormat::Q8)
    return;
  Value sum = reduce(b, levelsOf,
                     [&](Value x, Value y) -> Value { return arith::AddIOp::create(b, x, y); });
  store(arith::MulIOp::create(b, sum, b.constant(i32, -8)), QuantizedRowLayout::sum);
}

/// Groups of a row that are packed before those of the next one: a panel's rows share lines, which
/// all of a deep row would drive out of the first-level cache.
static constexpr int64_t groupsInTurn = 24;

void RowQuantizer::pack(Value begin, Value end, const QuantizedRows &rows, Value to, Value count) {
  auto packOne = [&](Value row, Value group, ArrayRef<Value> elements) {
    Value target = b.add(to, b.sub(row, begin));
    Value r = b.createOrFold<arith::RemUIOp>(target, count);
    Value panel = b.mul(b.sub(target, r), b.index(layout.rowWords()));
    Value first = b.mul(group, b.index(layout.groupWords()));
    packGroup(elements, [&](Value word, int64_t place) {
      SmallVector<Value> at = rows.leading;
      at.push_back(b.add(b.add(panel, r), b.mul(b.add(first, b.index(place)), count)));
      memref::StoreOp::create(b, word, rows.memref, at);
    });
  };
  Value whole = factor.contiguousAlongK ? b.divide(depth, quantizedGroup) : b.index(0);
  b.loop(b.index(0), whole, groupsInTurn, [&](Value turn) {
    Value turnEnd = b.min(b.add(turn, b.index(groupsInTurn)), whole);
    b.loop(begin, end, 1, [&](Value row) {
      b.loop(turn, turnEnd, 1, [&](Value group) { packOne(row, group, loadGroup(row, group)); });
    });
  });
  b.loop(begin, end, 1, [&](Value row) {
    b.loop(whole, b.index(layout.groups), 1,
           [&](Value group) { packOne(row, group, loadPaddedGroup(row, group)); });
  });
}
