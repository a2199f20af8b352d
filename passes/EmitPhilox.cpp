#include "passes/EmitPhilox.h"
#include "dialect/Philox.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <array>
#include <cmath>

using namespace mlir;
using namespace fovea;

static Value createConstant(OpBuilder &b, Location loc, uint32_t value) {
  return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(static_cast<int32_t>(value)));
}

/// The low and the high half of an i64.
static std::array<Value, 2> splitWords(OpBuilder &b, Location loc, Value value) {
  Value bits = arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(32));
  Value high = arith::ShRUIOp::create(b, loc, value, bits);
  return {arith::TruncIOp::create(b, loc, b.getI32Type(), value),
          arith::TruncIOp::create(b, loc, b.getI32Type(), high)};
}

PhiloxKey fovea::emitPhiloxKey(OpBuilder &b, Location loc, Value seed) {
  auto [low, high] = splitWords(b, loc, seed);
  return {low, high};
}

/// c0, c1, c2, c3 -> hi(M1*c2)^c1^k0, lo(M1*c2), hi(M0*c0)^c3^k1, lo(M0*c0).
static void emitRound(OpBuilder &b, Location loc, std::array<Value, 4> &c, PhiloxKey key) {
  auto product0 =
      arith::MulUIExtendedOp::create(b, loc, c[0], createConstant(b, loc, philox::multiplier0));
  auto product1 =
      arith::MulUIExtendedOp::create(b, loc, c[2], createConstant(b, loc, philox::multiplier1));
  Value first = arith::XOrIOp::create(b, loc, product1.getHigh(), c[1]);
  Value third = arith::XOrIOp::create(b, loc, product0.getHigh(), c[3]);
  c = {arith::XOrIOp::create(b, loc, first, key.low), product1.getLow(),
       arith::XOrIOp::create(b, loc, third, key.high), product0.getLow()};
}

Value fovea::emitPhiloxWord(OpBuilder &b, Location loc, PhiloxKey key, Value counter) {
  auto [low, high] = splitWords(b, loc, counter);
  Value zero = createConstant(b, loc, 0);
  std::array<Value, 4> c = {low, high, zero, zero};
  for (int round = 0; round < philox::rounds; ++round) {
    if (round != 0)
      key = {arith::AddIOp::create(b, loc, key.low, createConstant(b, loc, philox::keyStep0)),
             arith::AddIOp::create(b, loc, key.high, createConstant(b, loc, philox::keyStep1))};
    emitRound(b, loc, c, key);
  }
  return c[0];
}

Value fovea::emitIsKept(OpBuilder &b, Location loc, Value word, double p) {
  // u >= p iff word >> 8 >= p * 2^24; the product is exact, and the left side is an integer.
  auto threshold = static_cast<uint32_t>(std::ceil(p / philox::uniformScale));
  Value uniform =
      arith::ShRUIOp::create(b, loc, word, createConstant(b, loc, philox::uniformShift));
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, uniform,
                               createConstant(b, loc, threshold));
}
