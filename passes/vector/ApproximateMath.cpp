// Transcendental functions of f32, on vectors and scalars alike, as polynomials; f16 and bf16
// are widened. f64 is left to the C library.
//
// Largest errors in units in the last place against float64, with fused multiply-add (the test
// checks them over the stated ranges; outside of these the results are the limits): exp, exp2,
// log, log2, log1p, tanh 3; expm1 4; erf 2; sin and cos 2 for |x| <= 2^17, beyond that their
// argument itself has few bits left; pow has a file of its own. `math.exp` marked `afn` takes fewer
// instructions: for x up to 88, with a relative error of 2.5e-7 + 2e-8 |x|, and 0 where the result
// is below the normal numbers. gelu is one function, with tanh another (ApproximateGelu.cpp).
// Polynomials are Chebyshev fits of the reduced function.
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/vector/ApproximateGelu.h"
#include "passes/vector/ApproximatePow.h"
#include "passes/vector/Exp2Polynomial.h"
#include "passes/vector/FloatMath.h"

using namespace mlir;
using namespace fovea;
using arith::CmpFPredicate;

namespace fovea {
#define GEN_PASS_DEF_APPROXIMATEMATHPASS
#include "passes/Passes.h.inc"
} // namespace fovea

// pi/2 and ln 2 as sums of floats, so that n * (the sum) loses nothing (Cody and Waite).
static constexpr double ln2High = 0x1.62e43p-1, ln2Low = -0x1.05c61p-29;
static constexpr double halfPi[] = {0x1.921fb6p+0, -0x1.777a5cp-25, -0x1.ee59dap-50};
static constexpr double log2E = 0x1.715476p+0, twoOverPi = 0x1.45f306p-1;

/// (e^r - 1 - r) / r^2 on |r| <= ln(2) / 2.
static constexpr double expTail[] = {0x1.6d117cp-10, 0x1.120be2p-7, 0x1.555518p-5, 0x1.5554dcp-3,
                                     0x1p-1};
/// (2^r - 1) / r on |r| <= 1/2.
static constexpr double exp2Tail[] = {0x1.00a646p-16, 0x1.44414p-13, 0x1.5d879ep-10, 0x1.3b2a1ap-7,
                                      0x1.c6b08ep-5,  0x1.ebfbe0p-3, 0x1.62e43p-1};
/// (log(1 + f) - f + f^2 / 2) / f^3 on |f| <= 1/3.
static constexpr double logTail[] = {0x1.d0250ap-4,  -0x1.fcdbfep-4, 0x1.bf192p-4,
                                     -0x1.f756a2p-4, 0x1.24b296p-3,  -0x1.55783ep-3,
                                     0x1.999954p-3,  -0x1.ffffb4p-3, 0x1.555556p-2};
/// (tanh(x) / x - 1) / x^2 in x^2, |x| <= 5/8.
static constexpr double tanhTail[] = {0x1.2c7d78p-9,  -0x1.1168b4p-7, 0x1.64a94p-6,
                                      -0x1.ba08c2p-5, 0x1.1110eap-3,  -0x1.555556p-2};
/// (sin(r) / r - 1) / r^2 and (cos(r) - 1 + r^2 / 2) / r^4 in r^2, |r| <= pi/4.
static constexpr double sinTail[] = {0x1.6dbcfcp-19, -0x1.a013a4p-13, 0x1.11110ep-7,
                                     -0x1.555556p-3};
static constexpr double cosTail[] = {-0x1.25239ap-22, 0x1.a015c2p-16, -0x1.6c16cp-10,
                                     0x1.555556p-5};
/// erf(x) = x + x * p(x^2) for |x| < 0.9277, else 1 - exp(-|x| + |x| * p(|x|)).
static constexpr double erfSmall[] = {-5.96761703e-4, 4.99119423e-3,  -2.67681349e-2,
                                      1.12819925e-1,  -3.76125336e-1, 1.28379166e-1};
static constexpr double erfLarge[] = {-1.72853470e-5, 3.83197126e-4,  -3.88396438e-3, 2.42546219e-2,
                                      -1.06777877e-1, -6.34846687e-1, -1.28717512e-1};

namespace {
/// x = n ln 2 + r with |r| <= ln(2) / 2.
struct ExpReduction {
  Value r, n;
};
} // namespace

static ExpReduction reduceExp(FloatMath &f, Value x) {
  auto [whole, n] = f.round(f.mul(x, f.constant(log2E)));
  Value minus = f.negate(whole);
  Value r = f.fma(minus, f.constant(ln2High), x);
  return {f.fma(minus, f.constant(ln2Low), r), n};
}

/// e^r - 1 for a reduced r.
static Value expMinusOne(FloatMath &f, Value r) {
  return f.fma(f.mul(r, r), f.polynomial(r, expTail), r);
}

// Beyond these bounds e^x rounds to 0 or infinity.
static constexpr double expLow = -104, expHigh = 89;

static Value emitExp(FloatMath &f, Value x) {
  auto [r, n] = reduceExp(f, f.clamp(x, expLow, expHigh));
  return f.scaleByPowerOfTwo(f.add(expMinusOne(f, r), f.constant(1)), n);
}

// 1.5 * 2^23 + 127: a float of this size has no fraction bits, so adding it rounds to an integer,
// whose low bits then hold the biased exponent of the power of two.
static constexpr double roundAndBias = 0x1.8p23 + 127;

/// e^x for -87 <= x <= 88, as exact as emitExp.
static Value emitMidrangeExp(FloatMath &f, Value x) {
  Value biased = f.fma(x, f.constant(log2E), f.constant(roundAndBias));
  Value minus = f.sub(f.constant(roundAndBias), biased);
  Value r = f.fma(minus, f.constant(ln2High), x);
  r = f.fma(minus, f.constant(ln2Low), r);
  Value power = f.fromBits(arith::ShLIOp::create(f.b, f.toBits(biased), f.integer(23)));
  return f.mul(f.add(expMinusOne(f, r), f.constant(1)), power);
}

/// e^x for x <= 88, but 0 where it is below 2^-127. The product with log2(e) is not reduced
/// further: its error, |x| times that of log2(e), shows only in what is small beside e^0.
static Value emitNormalExp(FloatMath &f, Value x) {
  // At the lower bound the biased exponent is 0, and so is the power.
  Value lowest = f.constant(-127 / log2E);
  x = f.select(f.compare(CmpFPredicate::OGT, lowest, x), lowest, x);
  Value biased = f.fma(x, f.constant(log2E), f.constant(roundAndBias));
  Value minus = f.sub(f.constant(roundAndBias), biased);
  Value fraction = f.fma(x, f.constant(log2E), minus);
  Value power = f.fromBits(arith::ShLIOp::create(f.b, f.toBits(biased), f.integer(23)));
  Value sum = f.polynomial(fraction, exp2Coefficients());
  return f.mul(f.fma(sum, fraction, f.constant(1)), power);
}

static Value emitExp2(FloatMath &f, Value x) {
  x = f.clamp(x, -151, 129);
  auto [whole, n] = f.round(x);
  Value r = f.sub(x, whole);
  return f.scaleByPowerOfTwo(f.fma(f.polynomial(r, exp2Tail), r, f.constant(1)), n);
}

static Value emitExpM1(FloatMath &f, Value x) {
  Value clamped = f.clamp(x, -30, expHigh);
  auto [r, n] = reduceExp(f, clamped);
  Value tail = expMinusOne(f, r);
  Value large = f.sub(f.scaleByPowerOfTwo(f.add(tail, f.constant(1)), n), f.constant(1));
  Value isReduced = f.compare(CmpFPredicate::OLT, f.abs(x), f.constant(0.34));
  return f.select(isReduced, tail, large);
}

namespace {
/// x = 2^e (1 + f) with 1 + f in [2/3, 4/3].
struct LogReduction {
  Value fraction, exponent;
};
} // namespace

static LogReduction reduceLog(FloatMath &f, Value x) {
  auto [mantissa, exponent] = f.splitExponent(x);
  return {f.sub(mantissa, f.constant(1)), exponent};
}

/// log(1 + f) - f.
static Value logRemainder(FloatMath &f, Value fraction) {
  Value square = f.mul(fraction, fraction);
  Value cubic = f.mul(f.polynomial(fraction, logTail), fraction);
  return f.mul(square, f.sub(cubic, f.constant(0.5)));
}

/// Replaces the logarithm of what is not a positive finite number.
static Value fixLog(FloatMath &f, Value x, Value result) {
  double infinity = std::numeric_limits<double>::infinity();
  Value zero = f.constant(0);
  result = f.select(f.compare(CmpFPredicate::OEQ, x, zero), f.constant(-infinity), result);
  result = f.select(f.compare(CmpFPredicate::ULT, x, zero),
                    f.constant(std::numeric_limits<double>::quiet_NaN()), result);
  return f.select(f.compare(CmpFPredicate::OEQ, x, f.constant(infinity)), x, result);
}

static Value emitLog(FloatMath &f, Value x) {
  auto [fraction, exponent] = reduceLog(f, x);
  Value low = f.fma(exponent, f.constant(ln2Low), logRemainder(f, fraction));
  Value result = f.fma(exponent, f.constant(ln2High), f.add(fraction, low));
  return fixLog(f, x, result);
}

static Value emitLog2(FloatMath &f, Value x) {
  auto [fraction, exponent] = reduceLog(f, x);
  // log2(e) as 1 + a fraction keeps the leading term exact.
  Value remainder = logRemainder(f, fraction);
  Value high = f.constant(log2E - 1);
  Value low = f.fma(remainder, high, f.mul(fraction, high));
  Value result = f.add(f.add(low, remainder), fraction);
  return fixLog(f, x, f.add(exponent, result));
}

static Value emitLog1p(FloatMath &f, Value x) {
  // log(u) x / (u - 1) with u = 1 + x rounded: the errors of numerator and denominator cancel.
  Value one = f.constant(1);
  Value u = f.add(x, one);
  Value log = emitLog(f, u);
  Value ratio = f.mul(log, f.div(x, f.sub(u, one)));
  Value isTiny = f.compare(CmpFPredicate::OEQ, u, one);
  double infinity = std::numeric_limits<double>::infinity();
  Value isLimit = f.compare(CmpFPredicate::OEQ, f.abs(log), f.constant(infinity));
  return f.select(isTiny, x, f.select(isLimit, log, ratio));
}

static Value emitTanh(FloatMath &f, Value x) {
  Value square = f.mul(x, x);
  Value small = f.fma(f.mul(f.polynomial(square, tanhTail), square), x, x);
  // 1 - 2 / (e^2|x| + 1); it rounds to 1 from 10 on.
  Value magnitude = f.abs(x);
  Value bounded = f.clamp(magnitude, 0, 10);
  Value power = emitMidrangeExp(f, f.add(bounded, bounded));
  Value quotient = f.div(f.constant(2), f.add(power, f.constant(1)));
  Value large = f.copySign(f.sub(f.constant(1), quotient), x);
  return f.select(f.compare(CmpFPredicate::OLT, magnitude, f.constant(0.625)), small, large);
}

static Value emitErf(FloatMath &f, Value x) {
  Value magnitude = f.abs(x);
  Value small = f.fma(f.polynomial(f.mul(x, x), erfSmall), x, x);
  Value bounded = f.clamp(magnitude, 0, 4);
  Value exponent = f.fma(f.polynomial(bounded, erfLarge), bounded, f.negate(bounded));
  Value large = f.copySign(f.sub(f.constant(1), emitMidrangeExp(f, exponent)), x);
  return f.select(f.compare(CmpFPredicate::OLT, magnitude, f.constant(0.927734375)), small, large);
}

/// sin(x + quadrants * pi/2).
static Value emitSinShifted(FloatMath &f, Value x, int64_t quadrants) {
  auto [whole, n] = f.round(f.mul(x, f.constant(twoOverPi)));
  Value minus = f.negate(whole), r = x;
  for (double part : halfPi)
    r = f.fma(minus, f.constant(part), r);
  Value square = f.mul(r, r);
  Value sine = f.fma(f.mul(f.polynomial(square, sinTail), square), r, r);
  Value cosineTail = f.fma(f.polynomial(square, cosTail), square, f.constant(-0.5));
  Value cosine = f.fma(cosineTail, square, f.constant(1));
  n = arith::AddIOp::create(f.b, n, f.integer(quadrants));
  Value odd = arith::AndIOp::create(f.b, n, f.integer(1));
  Value isOdd = arith::CmpIOp::create(f.b, arith::CmpIPredicate::ne, odd, f.integer(0));
  Value upper = arith::AndIOp::create(f.b, n, f.integer(2));
  Value sign = arith::ShLIOp::create(f.b, upper, f.integer(30));
  Value result = f.toBits(f.select(isOdd, cosine, sine));
  return f.fromBits(arith::XOrIOp::create(f.b, result, sign));
}

static Value emitSin(FloatMath &f, Value x) { return emitSinShifted(f, x, 0); }
static Value emitCos(FloatMath &f, Value x) { return emitSinShifted(f, x, 1); }

namespace {
template <typename OpTy, Value (*emit)(FloatMath &, Value)>
struct Approximate : OpRewritePattern<OpTy> {
  Approximate(MLIRContext *context, const TargetInfo &target)
      : OpRewritePattern<OpTy>(context), target(target) {}

  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    return approximateInF32(op, rewriter, target, [&](FloatMath &f, ValueRange operands) {
      return emitFor(f, op, operands[0]);
    });
  }

private:
  static Value emitFor(FloatMath &f, OpTy op, Value x) {
    if constexpr (std::is_same_v<OpTy, math::ExpOp>)
      if (bitEnumContainsAll(op.getFastmath(), arith::FastMathFlags::afn))
        return emitNormalExp(f, x);
    return emit(f, x);
  }

  const TargetInfo &target;
};

struct ApproximateMathPass : fovea::impl::ApproximateMathPassBase<ApproximateMathPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

void ApproximateMathPass::runOnOperation() {
  const TargetInfo *info = requireTarget(getOperation(), target);
  if (!info)
    return signalPassFailure();
  SmallVector<Operation *> ops;
  getOperation()->walk([&](Operation *op) {
    if (isa_and_nonnull<math::MathDialect>(op->getDialect()))
      ops.push_back(op);
  });
  RewritePatternSet patterns(&getContext());
  // Powers with small constant exponents become products and roots.
  populateMathAlgebraicSimplificationPatterns(patterns);
  patterns.add<Approximate<math::ExpOp, emitExp>, Approximate<math::Exp2Op, emitExp2>,
               Approximate<math::ExpM1Op, emitExpM1>, Approximate<math::LogOp, emitLog>,
               Approximate<math::Log2Op, emitLog2>, Approximate<math::Log1pOp, emitLog1p>,
               Approximate<math::TanhOp, emitTanh>, Approximate<math::ErfOp, emitErf>,
               Approximate<math::SinOp, emitSin>, Approximate<math::CosOp, emitCos>>(&getContext(),
                                                                                     *info);
  populateApproximateGeluPatterns(patterns, *info);
  populateApproximatePowPatterns(patterns, *info);
  // Kernels are large, and hold few such operations.
  auto config = GreedyRewriteConfig().setStrictness(GreedyRewriteStrictness::ExistingAndNewOps);
  if (failed(applyOpPatternsGreedily(ops, std::move(patterns), config)))
    signalPassFailure();
}
