#include "passes/vector/FloatMath.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace fovea;

Type fovea::withElement(Type type, Type element) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? Type(vector.clone(element)) : element;
}

Value FloatMath::add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
Value FloatMath::sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
Value FloatMath::mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
Value FloatMath::div(Value x, Value y) { return arith::DivFOp::create(b, x, y); }
Value FloatMath::abs(Value x) { return math::AbsFOp::create(b, x); }
Value FloatMath::negate(Value x) { return arith::NegFOp::create(b, x); }

Value FloatMath::fma(Value x, Value y, Value z) {
  if (fused)
    return math::FmaOp::create(b, x, y, z);
  return add(mul(x, y), z);
}

Value FloatMath::polynomial(Value x, ArrayRef<double> coefficients) {
  Value sum = constant(coefficients.front());
  for (double coefficient : coefficients.drop_front())
    sum = fma(sum, x, constant(coefficient));
  return sum;
}

Value FloatMath::compare(arith::CmpFPredicate predicate, Value x, Value y) {
  return arith::CmpFOp::create(b, predicate, x, y);
}

Value FloatMath::select(Value condition, Value x, Value y) {
  return arith::SelectOp::create(b, condition, x, y);
}

Value FloatMath::clamp(Value x, double low, double high) {
  Value lower = constant(low), upper = constant(high);
  x = select(compare(arith::CmpFPredicate::OLT, x, lower), lower, x);
  return select(compare(arith::CmpFPredicate::OGT, x, upper), upper, x);
}

Value FloatMath::copySign(Value magnitude, Value sign) {
  return math::CopySignOp::create(b, magnitude, sign);
}

Type FloatMath::integerType() {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(b.getI32Type());
  return b.getI32Type();
}

Value FloatMath::toBits(Value x) { return arith::BitcastOp::create(b, integerType(), x); }
Value FloatMath::fromBits(Value bits) { return arith::BitcastOp::create(b, type, bits); }

std::pair<Value, Value> FloatMath::splitExponent(Value x) {
  Value isSmall = compare(arith::CmpFPredicate::OLT, x, constant(0x1p-126));
  Value normal = select(isSmall, mul(x, constant(0x1p23)), x);
  Value twoThirds = toBits(constant(2.0 / 3));
  Value bits = toBits(normal);
  Value offset = arith::SubIOp::create(b, bits, twoThirds);
  Value exponentBits = arith::AndIOp::create(b, offset, integer(int32_t(0xff800000)));
  Value mantissa = fromBits(arith::SubIOp::create(b, bits, exponentBits));
  Value whole = arith::ShRSIOp::create(b, exponentBits, integer(23));
  Value exponent = arith::SIToFPOp::create(b, type, whole);
  return {mantissa, select(isSmall, sub(exponent, constant(23)), exponent)};
}

std::pair<Value, Value> FloatMath::round(Value x) {
  // Adding 1.5 * 2^23 leaves the integer in the low bits of the significand.
  Value magic = constant(0x1.8p23);
  Value shifted = add(x, magic);
  Value n = arith::SubIOp::create(b, toBits(shifted), toBits(magic));
  return {sub(shifted, magic), n};
}

/// 2^n as a float, -126 <= n <= 127.
static Value powerOfTwo(FloatMath &f, Value n) {
  Value biased = arith::AddIOp::create(f.b, n, f.integer(127));
  return f.fromBits(arith::ShLIOp::create(f.b, biased, f.integer(23)));
}

Value FloatMath::scaleByPowerOfTwo(Value x, Value n) {
  // In two steps, of which only the second can leave the range of normal numbers.
  Value half = arith::ShRSIOp::create(b, n, integer(1));
  Value rest = arith::SubIOp::create(b, n, half);
  return mul(mul(x, powerOfTwo(*this, half)), powerOfTwo(*this, rest));
}

LogicalResult fovea::approximateInF32(Operation *op, PatternRewriter &rewriter,
                                      const TargetInfo &target,
                                      function_ref<Value(FloatMath &, ValueRange operands)> emit) {
  Type type = op->getResult(0).getType(), element = getElementTypeOrSelf(type);
  if (!element.isF32() && !element.isF16() && !element.isBF16())
    return rewriter.notifyMatchFailure(op, "neither f32 nor narrower");
  EmitBuilder b(op->getLoc(), rewriter);
  b.setInsertionPoint(op);
  b.setListener(rewriter.getListener());
  Type f32 = withElement(type, b.getF32Type());
  SmallVector<Value, 2> operands(op->getOperands());
  if (type != f32)
    for (Value &operand : operands)
      operand = arith::ExtFOp::create(b, f32, operand);
  FloatMath f(b, f32, target);
  Value result = emit(f, operands);
  if (type != f32)
    result = arith::TruncFOp::create(b, type, result);
  rewriter.replaceOp(op, result);
  return success();
}
