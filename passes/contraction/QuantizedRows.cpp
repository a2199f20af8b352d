#include "passes/contraction/QuantizedRows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/vector/VectorTranspose.h"
#include "llvm/Support/MathExtras.h"

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

SmallVector<Value> QuantizedRows::indices(EmitBuilder &b, const QuantizedRowLayout &layout,
                                          Value first, Value group, Value place, Value count,
                                          Value r) const {
  Value word = b.add(b.mul(group, b.index(layout.groupWords())), place);
  SmallVector<Value> all = leading;
  all.push_back(b.add(b.add(b.mul(first, b.index(layout.rowWords())), b.mul(word, count)), r));
  return all;
}

Value QuantizedRows::load(EmitBuilder &b, const QuantizedRowLayout &layout, Value first,
                          Value group, Value place, int64_t count, int64_t r) const {
  return memref::LoadOp::create(
      b, memref, indices(b, layout, first, group, place, b.index(count), b.index(r)));
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

RowQuantizer::RoundedGroup RowQuantizer::roundGroup(ArrayRef<Value> elements) {
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  auto floats = VectorType::get({lanes}, f32), words = VectorType::get({lanes}, i32);
  Value largest = largestMagnitude(b, elements), zero = b.constant(f32, 0);
  Value isZero =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, largest, b.constant(f32, smallest));
  Value most = b.constant(f32, levels);
  Value scale = arith::SelectOp::create(b, isZero, zero, arith::DivFOp::create(b, largest, most));
  Value inverse = arith::SelectOp::create(b, isZero, zero, arith::DivFOp::create(b, most, largest));
  RoundedGroup group;
  SmallVector<Value> levelsOf;
  for (Value vector : elements) {
    Value ratio = arith::MulFOp::create(b, vector, b.splat(floats, inverse));
    Value shifted = arith::AddFOp::create(b, ratio, b.constant(floats, rounder));
    levelsOf.push_back(arith::SubIOp::create(b, arith::BitcastOp::create(b, words, shifted),
                                             b.constant(words, rounderBits)));
    Value narrow =
        arith::TruncIOp::create(b, VectorType::get({lanes}, b.getI16Type()), levelsOf.back());
    group.pairs.push_back(vector::BitCastOp::create(b, VectorType::get({lanes / 2}, i32), narrow));
  }
  group.others.emplace_back(QuantizedRowLayout::scale, arith::BitcastOp::create(b, i32, scale));
  if (layout.format == attn::WeightFormat::Q8)
    return group;
  Value sum = reduce(b, levelsOf,
                     [&](Value x, Value y) -> Value { return arith::AddIOp::create(b, x, y); });
  group.others.emplace_back(QuantizedRowLayout::sum,
                            arith::MulIOp::create(b, sum, b.constant(i32, -8)));
  return group;
}

void RowQuantizer::packGroup(ArrayRef<Value> elements, function_ref<void(Value, int64_t)> store) {
  RoundedGroup group = roundGroup(elements);
  for (auto [v, pairs] : llvm::enumerate(group.pairs))
    for (int64_t i = 0; i < lanes / 2; ++i)
      store(vector::ExtractOp::create(b, pairs, ArrayRef<int64_t>{i}),
            static_cast<int64_t>(v) * lanes / 2 + i);
  for (auto [place, word] : group.others)
    store(word, place);
}

/// Pairs of all rows are transposed, so that each word of the panel is stored at once.
void RowQuantizer::packPanel(Value first, Value last, const QuantizedRows &rows, Value to) {
  int64_t count = manyRows;
  int64_t padded = llvm::alignTo(count, lanes), vectors = quantizedGroup / 2 / lanes;
  SmallVector<Value> each;
  for (int64_t r = 0; r < count; ++r)
    each.push_back(b.min(b.add(first, b.index(r)), last));
  auto store = [&](Value word, Value group, int64_t place, int64_t r) {
    SmallVector<Value> at =
        rows.indices(b, layout, to, group, b.index(place), b.index(count), b.index(r));
    if (isa<VectorType>(word.getType()))
      vector::StoreOp::create(b, word, rows.memref, at);
    else
      memref::StoreOp::create(b, word, rows.memref, at);
  };
  b.loop(b.index(0), b.divide(depth, quantizedGroup), 1, [&](Value group) {
    SmallVector<SmallVector<Value>> words(vectors);
    SmallVector<RoundedGroup> rounded;
    for (Value row : each)
      rounded.push_back(roundGroup(loadGroup(row, group)));
    for (int64_t r = 0; r < padded; ++r) {
      const RoundedGroup &of = rounded[std::min(r, count - 1)];
      for (int64_t v = 0; v < vectors; ++v)
        words[v].push_back(concatenate(b, {of.pairs[2 * v], of.pairs[2 * v + 1]}));
    }
    // In ascending order: what a vector writes past the rows of a word, the next word overwrites.
    for (int64_t v = 0; v < vectors; ++v) {
      SmallVector<SmallVector<Value>> columns;
      for (int64_t r = 0; r < padded; r += lanes)
        columns.push_back(transposeSquare(b, ArrayRef(words[v]).slice(r, lanes)));
      for (int64_t i = 0; i < lanes; ++i)
        for (auto [part, column] : llvm::enumerate(columns))
          store(column[i], group, v * lanes + i, part * lanes);
    }
    for (auto [r, of] : llvm::enumerate(rounded))
      for (auto [place, word] : of.others)
        store(word, group, place, r);
  });
}

void RowQuantizer::pack(Value begin, Value end, const QuantizedRows &rows, Value to, Value count) {
  auto packOne = [&](Value row, Value group, ArrayRef<Value> elements) {
    Value target = b.add(to, b.sub(row, begin));
    Value r = b.createOrFold<arith::RemUIOp>(target, count), first = b.sub(target, r);
    packGroup(elements, [&](Value word, int64_t place) {
      memref::StoreOp::create(b, word, rows.memref,
                              rows.indices(b, layout, first, group, b.index(place), count, r));
    });
  };
  Value whole = factor.contiguousAlongK ? b.divide(depth, quantizedGroup) : b.index(0);
  auto packRows = [&] {
    b.loop(begin, end, 1, [&](Value row) {
      b.loop(b.index(0), whole, 1,
             [&](Value group) { packOne(row, group, loadGroup(row, group)); });
    });
  };
  if (manyRows && factor.contiguousAlongK) {
    Value isMany =
        b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, count, b.index(manyRows));
    b.branch(
        isMany, [&] { packPanel(begin, b.sub(end, b.index(1)), rows, to); }, packRows);
  } else {
    packRows();
  }
  b.loop(begin, end, 1, [&](Value row) {
    b.loop(whole, b.index(layout.groups), 1,
           [&](Value group) { packOne(row, group, loadPaddedGroup(row, group)); });
  });
}
