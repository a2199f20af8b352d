// |x|^y = 2^t, t = y log2 |x|. Of t up to 149 the result needs 24 bits behind the point, more than
// an f32 has: so t is computed in f64, as half as many lanes of twice the width, and so is 2^r of
// the rest r = t - n, |r| <= 1/2.
#include "passes/vector/ApproximatePow.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/vector/FloatMath.h"

using namespace mlir;
using namespace fovea;
using arith::CmpFPredicate;

/// log2(m) / s in s^2, s = (m - 1) / (m + 1): 2 / (ln 2 (2k + 1)), k = 6 to 0; off by 2^-36 where m
/// is 2/3.
static constexpr double logSeries[] = {
    0x1.c68f568d31761p-3, 0x1.0c9a84994022dp-2, 0x1.484b13d7c02a9p-2, 0x1.a61762a7adedap-2,
    0x1.2776c50ef9bfep-1, 0x1.ec709dc3a03fep-1, 0x1.71547652b82fep+1};
/// (2^r - 1) / r: ln(2)^k / k!, k = 8 to 1; off by 2^-32 where |r| is 1/2.
static constexpr double exp2Series[] = {
    0x1.62c0223a5c822p-20, 0x1.ffcbfc588b0c5p-17, 0x1.430912f86c786p-13, 0x1.5d87fe78a6730p-10,
    0x1.3b2ab6fba4e77p-7,  0x1.c6b08d704a0bfp-5,  0x1.ebfbdff82c58ep-3,  0x1.62e42fefa39efp-1};

static constexpr double infinity = std::numeric_limits<double>::infinity();

namespace {
/// The exponent y as far as it decides about signs.
struct Parity {
  Value isInteger, isOdd;
};

class PowEmitter {
public:
  PowEmitter(FloatMath &f, const TargetInfo &target)
      : f(f), d(f.b, withElement(f.type, f.b.getF64Type()), target) {}

  Value emit(Value x, Value y);

private:
  Value wide(Value x) { return arith::ExtFOp::create(f.b, d.type, x); }
  Value narrow(Value x) { return arith::TruncFOp::create(f.b, f.type, x); }
  Value is(CmpFPredicate predicate, Value x, double number) {
    return f.compare(predicate, x, f.constant(number));
  }
  Value both(Value a, Value b) { return arith::AndIOp::create(f.b, a, b); }
  Value either(Value a, Value b) { return arith::OrIOp::create(f.b, a, b); }
  Value log2(Value magnitude);
  Value exp2(Value t);
  Parity parityOf(Value y);
  Value withSign(Value power, Value x, Value y);

  FloatMath &f; // of f32
  FloatMath d;  // of f64
};
} // namespace

/// Of what is not negative, in f64; what NaN gives is replaced later.
Value PowEmitter::log2(Value magnitude) {
  auto [mantissa, exponent] = f.splitExponent(magnitude);
  Value m = wide(mantissa), one = d.constant(1);
  Value s = d.div(d.sub(m, one), d.add(m, one));
  Value result = d.fma(s, d.polynomial(d.mul(s, s), logSeries), wide(exponent));
  result = d.select(is(CmpFPredicate::OEQ, magnitude, 0), d.constant(-infinity), result);
  return d.select(is(CmpFPredicate::OEQ, magnitude, infinity), d.constant(infinity), result);
}

Value PowEmitter::exp2(Value t) {
  // Beyond these bounds the result rounds to 0 or infinity. 1.5 * 2^52: adding it rounds.
  t = d.clamp(t, -151, 129);
  Value magic = d.constant(0x1.8p52);
  Value whole = d.sub(d.add(t, magic), magic), r = d.sub(t, whole);
  Value power = d.fma(d.polynomial(r, exp2Series), r, d.constant(1));
  return f.scaleByPowerOfTwo(narrow(power), f.round(narrow(whole)).second);
}

/// From 2^24 on all floats are even.
Parity PowEmitter::parityOf(Value y) {
  Value magnitude = f.abs(y), even = f.constant(0x1p24);
  magnitude = f.select(f.compare(CmpFPredicate::OLT, magnitude, even), magnitude, even);
  Value whole = arith::FPToSIOp::create(f.b, f.integerType(), magnitude);
  Value isInteger =
      f.compare(CmpFPredicate::OEQ, arith::SIToFPOp::create(f.b, f.type, whole), magnitude);
  Value last = arith::AndIOp::create(f.b, whole, f.integer(1));
  Value isOdd = arith::CmpIOp::create(f.b, arith::CmpIPredicate::ne, last, f.integer(0));
  return {isInteger, both(isInteger, isOdd)};
}

/// Of a finite x below 0 there are powers with integers alone; -0 and -infinity have a sign too.
Value PowEmitter::withSign(Value power, Value x, Value y) {
  Parity parity = parityOf(y);
  Value hasSign = arith::CmpIOp::create(f.b, arith::CmpIPredicate::slt, f.toBits(x), f.integer(0));
  power = f.select(both(hasSign, parity.isOdd), f.negate(power), power);
  Value isBelow = both(is(CmpFPredicate::OLT, x, 0), is(CmpFPredicate::OGT, x, -infinity));
  Value none = f.constant(std::numeric_limits<double>::quiet_NaN());
  return f.select(parity.isInteger, power, f.select(isBelow, none, power));
}

Value PowEmitter::emit(Value x, Value y) {
  Value magnitude = f.abs(x), one = f.constant(1);
  Value power = exp2(d.mul(wide(y), log2(magnitude)));
  // Infinite powers of 1 are 1, where 0 times infinity is none.
  power = f.select(is(CmpFPredicate::OEQ, magnitude, 1), one, power);
  power = withSign(power, x, y);
  Value isNumber = f.compare(CmpFPredicate::ORD, x, y);
  power = f.select(isNumber, power, f.add(x, y));
  // Even of NaN.
  return f.select(either(is(CmpFPredicate::OEQ, y, 0), is(CmpFPredicate::OEQ, x, 1)), one, power);
}

namespace {
struct ApproximatePow : OpRewritePattern<math::PowFOp> {
  ApproximatePow(MLIRContext *context, const TargetInfo &target)
      : OpRewritePattern(context), target(target) {}

  LogicalResult matchAndRewrite(math::PowFOp op, PatternRewriter &rewriter) const override {
    return approximateInF32(op, rewriter, target, [&](FloatMath &f, ValueRange operands) {
      return PowEmitter(f, target).emit(operands[0], operands[1]);
    });
  }

  const TargetInfo &target;
};
} // namespace

void fovea::populateApproximatePowPatterns(RewritePatternSet &patterns, const TargetInfo &target) {
  patterns.add<ApproximatePow>(patterns.getContext(), target);
}
