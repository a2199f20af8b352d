// gelu(x) = max(x, 0) - t P(t), where t = |x| and P(t) is the normal distribution's upper tail: it
// falls so smoothly that its logarithm is one polynomial. No branch, no division, one exponential.
#include "passes/vector/ApproximateGelu.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "passes/vector/Exp2Polynomial.h"
#include "passes/vector/FloatMath.h"

using namespace mlir;
using namespace fovea;

/// log2(erfc(t / sqrt(2)) / 2) on [0, 13], at the end of which it is -126.9. Fitted for the
/// smallest error of t P(t), by weighted least squares iterated towards the maximum norm (Lawson).
static constexpr double logTail[] = {
    0x1.73fd82p-29, -0x1.5e5542p-24, -0x1.3661a8p-22, 0x1.708fd4p-15, -0x1.afa906p-11,
    0x1.0c0b1cp-7,  -0x1.b60254p-5,  -0x1.d5cefap-2,  -0x1.26b324p+0, -0x1.ffffcap-1};
static constexpr double logTailEnd = 13;

static Value emitGelu(FloatMath &f, Value x) {
  Value zero = f.constant(0), end = f.constant(logTailEnd), t = f.abs(x);
  t = f.select(f.compare(arith::CmpFPredicate::OGT, t, end), end, t);
  Value tail = emitExp2InRange(f.b, f.polynomial(t, logTail), f.isFused());
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

/// `x/2 (1 + erf)` if that is all that `erf` is used for, else null.
static arith::MulFOp findGelu(math::ErfOp erf) {
  Value x = factorBeside(erf.getOperand(), 0x1.6a09e667f3bcdp-1);
  auto sum = onlyUser<arith::AddFOp>(erf.getResult());
  if (!x || !sum || !isConstant(sum.getLhs() == erf ? sum.getRhs() : sum.getLhs(), 1))
    return nullptr;
  auto product = onlyUser<arith::MulFOp>(sum.getResult());
  if (!product)
    return nullptr;
  Value half = product.getLhs() == sum ? product.getRhs() : product.getLhs();
  return factorBeside(half, 0.5) == x ? product : nullptr;
}

namespace {
struct ApproximateGelu : OpRewritePattern<math::ErfOp> {
  // Before the error function is replaced alone.
  ApproximateGelu(MLIRContext *context, const TargetInfo &target)
      : OpRewritePattern(context, /*benefit=*/2), target(target) {}

  LogicalResult matchAndRewrite(math::ErfOp op, PatternRewriter &rewriter) const override {
    Type type = op.getType(), element = getElementTypeOrSelf(type);
    if (!element.isF32() && !element.isF16() && !element.isBF16())
      return rewriter.notifyMatchFailure(op, "neither f32 nor narrower");
    arith::MulFOp product = findGelu(op);
    if (!product)
      return rewriter.notifyMatchFailure(op, "no part of a gelu");
    EmitBuilder b(op.getLoc(), rewriter);
    b.setInsertionPoint(product);
    b.setListener(rewriter.getListener());
    Value x = factorBeside(op.getOperand(), 0x1.6a09e667f3bcdp-1);
    x = b.convertFloat(x, b.getF32Type());
    FloatMath f(b, x.getType(), target);
    rewriter.replaceOp(product, b.convertFloat(emitGelu(f, x), element));
    return success();
  }

private:
  const TargetInfo &target;
};
} // namespace

void fovea::populateApproximateGeluPatterns(RewritePatternSet &patterns, const TargetInfo &target) {
  patterns.add<ApproximateGelu>(patterns.getContext(), target);
}
