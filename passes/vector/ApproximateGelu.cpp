// gelu(x) = max(x, 0) - t P(t), where t = |x| and P(t) is the normal distribution's upper tail, or
// what the form with tanh takes for it: that falls so smoothly that its logarithm is one
// polynomial. No branch, no division, one exponential.
#include "passes/vector/ApproximateGelu.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "passes/vector/Exp2Polynomial.h"
#include "passes/vector/FloatMath.h"

using namespace mlir;
using namespace fovea;

namespace {
/// log2(P) on [0, end], at the end of which it is about -126.8. Fitted for the smallest error of
/// t P(t), by weighted least squares iterated towards the maximum norm (Lawson).
struct LogTail {
  double coefficients[10];
  double end;
};
} // namespace

/// P(t) = erfc(t / sqrt(2)) / 2.
static constexpr LogTail normalTail = {
    {0x1.73fd82p-29, -0x1.5e5542p-24, -0x1.3661a8p-22, 0x1.708fd4p-15, -0x1.afa906p-11,
     0x1.0c0b1cp-7, -0x1.b60254p-5, -0x1.d5cefap-2, -0x1.26b324p+0, -0x1.ffffcap-1},
    13};

/// P(t) = (1 - tanh(sqrt(2/pi) (t + 0.044715 t^3))) / 2.
static constexpr LogTail tanhTail = {{0x1.f515f8p-20, -0x1.d377bap-15, 0x1.428472p-11,
                                      -0x1.828a46p-9, 0x1.28bad4p-8, 0x1.b1a0eep-9, -0x1.9451b2p-5,
                                      -0x1.d6abc2p-2, -0x1.26aea4p+0, -0x1.ffff9cp-1},
                                     10.05};

static Value emitGelu(FloatMath &f, Value x, const LogTail &logTail) {
  Value zero = f.constant(0), end = f.constant(logTail.end), t = f.abs(x);
  t = f.select(f.compare(arith::CmpFPredicate::OGT, t, end), end, t);
  Value tail = emitExp2InRange(f.b, f.polynomial(t, logTail.coefficients), f.isFused());
  // 0 for NaN, which t and the tail keep.
  Value positive = f.select(f.compare(arith::CmpFPredicate::OGT, x, zero), x, zero);
  return f.fma(f.negate(t), tail, positive);
}

/// Whether all elements of `value` are the float nearest to `wanted`.
static bool isConstant(Value value, double wanted) {
  APFloat found(0.0);
  if (!matchPattern(value, m_ConstantFloat(&found)))
    return false;
  APFloat nearest(wanted);
  bool losesInfo;
  nearest.convert(found.getSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
  return found.bitwiseIsEqual(nearest);
}

/// The other factor of a product with a constant; null if `value` is none.
static Value factorBeside(Value value, double constant) {
  auto product = value.getDefiningOp<arith::MulFOp>();
  if (!product)
    return nullptr;
  if (isConstant(product.getRhs(), constant))
    return product.getLhs();
  return isConstant(product.getLhs(), constant) ? product.getRhs() : Value();
}

/// The only user of `value` if it is an `OpTy`.
template <typename OpTy>
static OpTy onlyUser(Value value) {
  return value.hasOneUse() ? dyn_cast<OpTy>(*value.user_begin()) : OpTy();
}

namespace {
/// `x/2 (1 + gate)`.
struct Gelu {
  arith::MulFOp product;
  Value x;
};
} // namespace

/// What `gate` is a factor of if that is all it is used for; its `x` is null if it is not.
static Gelu findGelu(Value gate) {
  auto sum = onlyUser<arith::AddFOp>(gate);
  if (!sum || !isConstant(sum.getLhs() == gate ? sum.getRhs() : sum.getLhs(), 1))
    return {};
  auto product = onlyUser<arith::MulFOp>(sum.getResult());
  if (!product)
    return {};
  return {product,
          factorBeside(product.getLhs() == sum ? product.getRhs() : product.getLhs(), 0.5)};
}

/// Whether `value` is x / sqrt(2).
static bool isArgumentOf(math::ErfOp, Value value, Value x) {
  return factorBeside(value, 0x1.6a09e667f3bcdp-1) == x;
}

static bool isProductOf(Value value, Value x, function_ref<bool(Value)> isOther) {
  auto product = value.getDefiningOp<arith::MulFOp>();
  return product && ((product.getLhs() == x && isOther(product.getRhs())) ||
                     (product.getRhs() == x && isOther(product.getLhs())));
}

static bool isCube(Value value, Value x) {
  return isProductOf(value, x, [&](Value square) {
    return isProductOf(square, x, [&](Value other) { return other == x; });
  });
}

/// Whether `value` is sqrt(2/pi) (x + 0.044715 x^3).
static bool isArgumentOf(math::TanhOp, Value value, Value x) {
  Value inner = factorBeside(value, 0x1.9884533d43651p-1);
  auto sum = inner ? inner.getDefiningOp<arith::AddFOp>() : arith::AddFOp();
  if (!sum || (sum.getLhs() != x && sum.getRhs() != x))
    return false;
  Value cube = factorBeside(sum.getLhs() == x ? sum.getRhs() : sum.getLhs(), 0.044715);
  return cube && isCube(cube, x);
}

namespace {
template <typename GateOp, const LogTail &logTail>
struct ApproximateGelu : OpRewritePattern<GateOp> {
  // Before the gate is replaced alone.
  ApproximateGelu(MLIRContext *context, const TargetInfo &target)
      : OpRewritePattern<GateOp>(context, /*benefit=*/2), target(target) {}

  LogicalResult matchAndRewrite(GateOp op, PatternRewriter &rewriter) const override {
    Type element = getElementTypeOrSelf(op.getType());
    if (!element.isF32() && !element.isF16() && !element.isBF16())
      return rewriter.notifyMatchFailure(op, "neither f32 nor narrower");
    Gelu gelu = findGelu(op.getResult());
    if (!gelu.x || !isArgumentOf(op, op.getOperand(), gelu.x))
      return rewriter.notifyMatchFailure(op, "no part of a gelu");
    EmitBuilder b(op.getLoc(), rewriter);
    b.setInsertionPoint(gelu.product);
    b.setListener(rewriter.getListener());
    Value x = b.convertFloat(gelu.x, b.getF32Type());
    FloatMath f(b, x.getType(), target);
    rewriter.replaceOp(gelu.product, b.convertFloat(emitGelu(f, x, logTail), element));
    return success();
  }

private:
  const TargetInfo &target;
};
} // namespace

void fovea::populateApproximateGeluPatterns(RewritePatternSet &patterns, const TargetInfo &target) {
  patterns.add<ApproximateGelu<math::ErfOp, normalTail>, ApproximateGelu<math::TanhOp, tanhTail>>(
      patterns.getContext(), target);
}
