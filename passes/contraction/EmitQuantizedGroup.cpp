#include "passes/contraction/EmitQuantizedGroup.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace fovea;
using attn::WeightFormat;

Value WeightPanel::load(EmitBuilder &b, VectorType type, Value group, Value step) const {
  Value at[] = {place.stream, place.place, group, step, b.index(0)};
  return vector::LoadOp::create(b, type, factor.values, at);
}

Value WeightPanel::loadScales(EmitBuilder &b, VectorType type, Value group) const {
  Value at[] = {place.stream, place.place, group, b.index(0)};
  return vector::LoadOp::create(b, type, factor.scales, at);
}

QuantizedRowLayout fovea::rowLayoutOf(const ContractionEmitter &e) {
  auto type = cast<MemRefType>(e.c.quantized->values.getType());
  return {type.getDimSize(2), e.c.quantized->format};
}

/// Two bytes a lane as 16 bits each; of q4, their low or their high halves.
Value QuantizedGroupEmitter::widen(Value bytes, int64_t half) {
  auto type = VectorType::get(cast<VectorType>(bytes.getType()).getShape(), b.getI16Type());
  if (format == WeightFormat::Q8)
    return arith::ExtSIOp::create(b, type, bytes);
  Value both = arith::ExtUIOp::create(b, type, bytes);
  if (half == 0)
    return arith::AndIOp::create(b, both, b.constant(type, 15));
  return arith::ShRUIOp::create(b, both, b.constant(type, 4));
}

/// `sum + w[2 l] * x[0] + w[2 l + 1] * x[1]` in every lane l, x being the halves of `pair`.
Value QuantizedGroupEmitter::addPairs(Value weights, Value pair, Value sum) {
  auto words = cast<VectorType>(sum.getType());
  if (!e.target.pairProduct.empty()) {
    Value x = vector::BitCastOp::create(b, weights.getType(), b.splat(words, pair));
    Value products = LLVM::CallIntrinsicOp::create(b, words, b.getStringAttr(e.target.pairProduct),
                                                   ValueRange{x, weights})
                         .getResults();
    return arith::AddIOp::create(b, sum, products);
  }
  int64_t lanes = words.getNumElements();
  Type i32 = b.getI32Type();
  Value sixteen = b.constant(i32, 16);
  Value high = arith::ShRSIOp::create(b, pair, sixteen);
  Value low = arith::ShRSIOp::create(b, arith::ShLIOp::create(b, pair, sixteen), sixteen);
  for (auto [first, x] : {std::pair(0, low), std::pair(1, high)}) {
    SmallVector<int64_t> every;
    for (int64_t lane = 0; lane < lanes; ++lane)
      every.push_back(2 * lane + first);
    Value half = vector::ShuffleOp::create(b, weights, weights, every);
    Value wide = arith::ExtSIOp::create(b, words, half);
    sum = arith::AddIOp::create(b, sum, arith::MulIOp::create(b, wide, b.splat(words, x)));
  }
  return sum;
}

/// The products of one vector of each panel, whose weights stay in registers while rows come.
void QuantizedGroupEmitter::multiplyStep(const GroupPlace &at, Value step, Halves halves,
                                         MutableArrayRef<Value> sums, int64_t &products) {
  auto type = VectorType::get({2 * e.tile.lanes}, b.getI8Type());
  auto addProduct = [&](Value weights, int64_t half, int64_t r, int64_t v) {
    // The high halves are those of the group's second half.
    Value place = b.add(step, b.index(half * QuantizedRowLayout::pairs / 2));
    Value pair = rows.load(b, layout, at.row, at.group, place, tile.rows, r);
    Value &sum = sums[products % tile.chains * count() + r * tile.vectors + v];
    sum = addPairs(weights, pair, sum);
  };
  SmallVector<Value> bytes;
  for (const WeightPanel &panel : at.panels)
    bytes.push_back(panel.load(b, type, at.group, step));
  for (int64_t half = halves.begin; half < halves.end; ++half, ++products) {
    SmallVector<Value> weights;
    for (Value vector : bytes)
      weights.push_back(widen(vector, half));
    for (int64_t r = 0; r < tile.rows; ++r)
      for (int64_t v = 0; v < tile.vectors; ++v)
        addProduct(weights[v], half, r, v);
  }
}

/// Adds the products of all steps.
SmallVector<Value> QuantizedGroupEmitter::multiplySteps(const GroupPlace &at, Halves halves,
                                                        ValueRange sums) {
  int64_t steps = cast<MemRefType>(e.c.quantized->values.getType()).getDimSize(3);
  return b.loop(b.index(0), b.index(steps), tile.unroll, sums, [&](Value step, ValueRange carried) {
    SmallVector<Value> next(carried);
    int64_t products = 0;
    for (int64_t i = 0; i < tile.unroll; ++i)
      multiplyStep(at, b.add(step, b.index(i)), halves, next, products);
    return next;
  });
}

SmallVector<Value> QuantizedGroupEmitter::multiply(const GroupPlace &at) {
  auto words = VectorType::get({e.tile.lanes}, b.getI32Type());
  bool isQ4 = format == WeightFormat::Q4;
  SmallVector<Value> sums;
  for (int64_t r = 0; r < tile.rows; ++r) {
    Value start = b.constant(words, 0);
    if (isQ4)
      start = b.splat(words, rows.load(b, layout, at.row, at.group,
                                       b.index(QuantizedRowLayout::sum), tile.rows, r));
    sums.append(tile.vectors, start);
  }
  sums.append((tile.chains - 1) * count(), b.constant(words, 0));
  if (tile.halvesApart)
    sums = multiplySteps(at, {1, 2}, multiplySteps(at, {0, 1}, sums));
  else
    sums = multiplySteps(at, {0, isQ4 ? 2 : 1}, sums);
  for (int64_t left = tile.chains / 2 * count(); left >= count(); left /= 2)
    for (int64_t i = 0; i < left; ++i)
      sums[i] = arith::AddIOp::create(b, sums[i], sums[left + i]);
  sums.truncate(count());
  return sums;
}

Value QuantizedGroupEmitter::loadRowScale(const GroupPlace &at, int64_t row) {
  Value bits =
      rows.load(b, layout, at.row, at.group, b.index(QuantizedRowLayout::scale), tile.rows, row);
  return arith::BitcastOp::create(b, b.getF32Type(), bits);
}
