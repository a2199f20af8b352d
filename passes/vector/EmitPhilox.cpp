#include "passes/vector/EmitPhilox.h"
#include "dialect/Philox.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <array>
#include <cmath>

using namespace mlir;
using namespace fovea;

/// A constant of an integer type, or in all lanes of a vector of integers.
static Value createConstant(OpBuilder &b, Location loc, Type type, uint32_t value) {
  TypedAttr attribute = b.getIntegerAttr(getElementTypeOrSelf(type), static_cast<int32_t>(value));
  if (auto vector = dyn_cast<VectorType>(type))
    attribute = DenseElementsAttr::get(vector, Attribute(attribute));
  return arith::ConstantOp::create(b, loc, attribute);
}

/// The low and the high half of an i64, or of each in a vector.
static std::array<Value, 2> splitWords(OpBuilder &b, Location loc, Value value) {
  Type word = b.getI32Type();
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    word = vector.clone(word);
  Value bits = createConstant(b, loc, value.getType(), 32);
  Value high = arith::ShRUIOp::create(b, loc, value, bits);
  return {arith::TruncIOp::create(b, loc, word, value),
          arith::TruncIOp::create(b, loc, word, high)};
}

PhiloxKey fovea::emitPhiloxKey(OpBuilder &b, Location loc, Value seed) {
  auto [low, high] = splitWords(b, loc, seed);
  return {low, high};
}

/// c0, c1, c2, c3 -> hi(M1*c2)^c1^k0, lo(M1*c2), hi(M0*c0)^c3^k1, lo(M0*c0).
static void emitRound(OpBuilder &b, Location loc, std::array<Value, 4> &c, PhiloxKey key) {
  Type word = c[0].getType();
  auto product0 = arith::MulUIExtendedOp::create(b, loc, c[0],
                                                 createConstant(b, loc, word, philox::multiplier0));
  auto product1 = arith::MulUIExtendedOp::create(b, loc, c[2],
                                                 createConstant(b, loc, word, philox::multiplier1));
  Value first = arith::XOrIOp::create(b, loc, product1.getHigh(), c[1]);
  Value third = arith::XOrIOp::create(b, loc, product0.getHigh(), c[3]);
  c = {arith::XOrIOp::create(b, loc, first, key.low), product1.getLow(),
       arith::XOrIOp::create(b, loc, third, key.high), product0.getLow()};
}

Value fovea::emitPhiloxWord(OpBuilder &b, Location loc, PhiloxKey key, Value counter) {
  auto [low, high] = splitWords(b, loc, counter);
  Type word = low.getType();
  if (isa<VectorType>(word))
    key = {vector::BroadcastOp::create(b, loc, word, key.low),
           vector::BroadcastOp::create(b, loc, word, key.high)};
  Value zero = createConstant(b, loc, word, 0);
  std::array<Value, 4> c = {low, high, zero, zero};
  for (int round = 0; round < philox::rounds; ++round) {
    if (round != 0)
      key = {
          arith::AddIOp::create(b, loc, key.low, createConstant(b, loc, word, philox::keyStep0)),
          arith::AddIOp::create(b, loc, key.high, createConstant(b, loc, word, philox::keyStep1))};
    emitRound(b, loc, c, key);
  }
  return c[0];
}

Value fovea::emitIsKept(OpBuilder &b, Location loc, Value word, double p) {
  // u >= p iff word >> 8 >= p * 2^24; the product is exact, and the left side is an integer.
  auto threshold = static_cast<uint32_t>(std::ceil(p / philox::uniformScale));
  Type type = word.getType();
  Value uniform =
      arith::ShRUIOp::create(b, loc, word, createConstant(b, loc, type, philox::uniformShift));
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, uniform,
                               createConstant(b, loc, type, threshold));
}
