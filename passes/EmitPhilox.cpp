#include "passes/Philox.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <array>
#include <cmath>

using namespace mlir;

// Multipliers and Weyl increments of Philox 4x32 (Salmon et al., table 2 and section 4.2).
static constexpr uint32_t multipliers[] = {0xD2511F53, 0xCD9E8D57};
static constexpr uint32_t increments[] = {0x9E3779B9, 0xBB67AE85};
static constexpr int numRounds = 10;

/// An i32 constant of the shape of `like`.
static Value createConstant(OpBuilder &b, Location loc, Type like, uint32_t value) {
  TypedAttr attribute = b.getI32IntegerAttr(static_cast<int32_t>(value));
  if (auto vector = dyn_cast<VectorType>(like))
    attribute = DenseElementsAttr::get(vector, attribute);
  return arith::ConstantOp::create(b, loc, attribute);
}

/// The low and the high half of an i64 or of a vector of them.
static std::array<Value, 2> splitWords(OpBuilder &b, Location loc, Value value, Type half) {
  Type whole = value.getType();
  TypedAttr bits = b.getI64IntegerAttr(32);
  if (auto vector = dyn_cast<VectorType>(whole))
    bits = DenseElementsAttr::get(vector, bits);
  Value shift = arith::ConstantOp::create(b, loc, bits);
  Value high = arith::ShRUIOp::create(b, loc, value, shift);
  return {arith::TruncIOp::create(b, loc, half, value),
          arith::TruncIOp::create(b, loc, half, high)};
}

fovea::PhiloxKey fovea::createPhiloxKey(OpBuilder &b, Location loc, Value seed) {
  auto [low, high] = splitWords(b, loc, seed, b.getI32Type());
  return {low, high};
}

/// c0, c1, c2, c3 -> hi(M1*c2)^c1^k0, lo(M1*c2), hi(M0*c0)^c3^k1, lo(M0*c0).
static void applyRound(OpBuilder &b, Location loc, std::array<Value, 4> &c, Value key0,
                       Value key1) {
  Type word = c[0].getType();
  auto product0 =
      arith::MulUIExtendedOp::create(b, loc, c[0], createConstant(b, loc, word, multipliers[0]));
  auto product1 =
      arith::MulUIExtendedOp::create(b, loc, c[2], createConstant(b, loc, word, multipliers[1]));
  Value first = arith::XOrIOp::create(b, loc, product1.getHigh(), c[1]);
  Value third = arith::XOrIOp::create(b, loc, product0.getHigh(), c[3]);
  c = {arith::XOrIOp::create(b, loc, first, key0), product1.getLow(),
       arith::XOrIOp::create(b, loc, third, key1), product0.getLow()};
}

Value fovea::createPhiloxWord(OpBuilder &b, Location loc, PhiloxKey key, Value counter) {
  Type word = b.getI32Type();
  Value key0 = key.low, key1 = key.high;
  if (auto vector = dyn_cast<VectorType>(counter.getType())) {
    word = vector.clone(word);
    key0 = vector::BroadcastOp::create(b, loc, word, key0);
    key1 = vector::BroadcastOp::create(b, loc, word, key1);
  }
  auto [low, high] = splitWords(b, loc, counter, word);
  Value zero = createConstant(b, loc, word, 0);
  std::array<Value, 4> c = {low, high, zero, zero};
  for (int round = 0; round < numRounds; ++round) {
    if (round != 0) {
      key0 = arith::AddIOp::create(b, loc, key0, createConstant(b, loc, word, increments[0]));
      key1 = arith::AddIOp::create(b, loc, key1, createConstant(b, loc, word, increments[1]));
    }
    applyRound(b, loc, c, key0, key1);
  }
  return c[0];
}

Value fovea::createIsKept(OpBuilder &b, Location loc, Value word, double p) {
  // u >= p iff word >> 8 >= p * 2^24; the product is exact, and the left side is an integer.
  auto threshold = static_cast<uint32_t>(std::ceil(p * 0x1p24));
  Type type = word.getType();
  Value uniform = arith::ShRUIOp::create(b, loc, word, createConstant(b, loc, type, 8));
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, uniform,
                               createConstant(b, loc, type, threshold));
}
