#include "frontend/ScalarOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>
#include <numbers>

using namespace mlir;
using namespace fovea;

/// 1 / (1 + exp(-x)).
static Value buildSigmoid(OpBuilder &builder, Location loc, Value x) {
  Value one = buildConstant(builder, loc, 1, x.getType());
  Value exponential = math::ExpOp::create(builder, loc, arith::NegFOp::create(builder, loc, x));
  Value sum = arith::AddFOp::create(builder, loc, exponential, one);
  return arith::DivFOp::create(builder, loc, one, sum);
}

/// 0.5 * x * (1 + s).
static Value buildHalfGate(OpBuilder &builder, Location loc, Value x, Value s) {
  Value half = buildConstant(builder, loc, 0.5, x.getType());
  Value one = buildConstant(builder, loc, 1, x.getType());
  Value gate = arith::AddFOp::create(builder, loc, s, one);
  return arith::MulFOp::create(builder, loc, arith::MulFOp::create(builder, loc, half, x), gate);
}

/// 0.5 * x * (1 + erf(x / sqrt(2))).
static Value buildGelu(OpBuilder &builder, Location loc, Value x) {
  Value scale = buildConstant(builder, loc, 1 / std::numbers::sqrt2, x.getType());
  Value scaled = arith::MulFOp::create(builder, loc, x, scale);
  return buildHalfGate(builder, loc, x, math::ErfOp::create(builder, loc, scaled));
}

/// 0.5 * x * (1 + tanh(sqrt(2/pi) * (x + 0.044715 * x^3))).
static Value buildGeluTanh(OpBuilder &builder, Location loc, Value x) {
  Value cubic = buildConstant(builder, loc, 0.044715, x.getType());
  Value scale = buildConstant(builder, loc, std::sqrt(2 / std::numbers::pi), x.getType());
  Value square = arith::MulFOp::create(builder, loc, x, x);
  Value cube = arith::MulFOp::create(builder, loc, square, x);
  Value inner =
      arith::AddFOp::create(builder, loc, x, arith::MulFOp::create(builder, loc, cubic, cube));
  Value scaled = arith::MulFOp::create(builder, loc, scale, inner);
  return buildHalfGate(builder, loc, x, math::TanhOp::create(builder, loc, scaled));
}

/// log(1 + exp(x)), as max(x, 0) + log(1 + e) with e = exp(-|x|), which does not overflow. Of
/// u = 1 + e, rounded, log(1 + e) is log(u) e / (u - 1), and e if u is 1 (Kahan).
static Value buildSoftplus(OpBuilder &b, Location loc, Value x) {
  Value zero = buildConstant(b, loc, 0, x.getType()), one = buildConstant(b, loc, 1, x.getType());
  Value magnitude = math::AbsFOp::create(b, loc, x);
  Value e = math::ExpOp::create(b, loc, arith::NegFOp::create(b, loc, magnitude));
  Value u = arith::AddFOp::create(b, loc, one, e);
  Value rounded = arith::SubFOp::create(b, loc, u, one);
  Value isOne = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, u, one);
  Value product = arith::MulFOp::create(b, loc, math::LogOp::create(b, loc, u), e);
  Value quotient = arith::DivFOp::create(b, loc, product, rounded);
  Value logarithm = arith::SelectOp::create(b, loc, isOne, e, quotient);
  Value positive = arith::MaximumFOp::create(b, loc, x, zero);
  return arith::AddFOp::create(b, loc, positive, logarithm);
}

static Value buildUnaryInteger(OpBuilder &builder, Location loc, UnaryKind kind, Value x) {
  if (kind == UnaryKind::LogicalNot)
    return arith::XOrIOp::create(builder, loc, x, buildConstant(builder, loc, 1, x.getType()));
  Value zero = buildConstant(builder, loc, 0, x.getType());
  if (kind == UnaryKind::Relu)
    return arith::MaxSIOp::create(builder, loc, x, zero);
  Value negated = arith::SubIOp::create(builder, loc, zero, x);
  return kind == UnaryKind::Neg ? negated : arith::MaxSIOp::create(builder, loc, x, negated);
}

static Value buildUnaryFloat(OpBuilder &builder, Location loc, UnaryKind kind, Value x) {
  switch (kind) {
  case UnaryKind::Abs:
    return math::AbsFOp::create(builder, loc, x);
  case UnaryKind::Neg:
    return arith::NegFOp::create(builder, loc, x);
  case UnaryKind::Exp:
    return math::ExpOp::create(builder, loc, x);
  case UnaryKind::Log:
    return math::LogOp::create(builder, loc, x);
  case UnaryKind::Sqrt:
    return math::SqrtOp::create(builder, loc, x);
  case UnaryKind::Rsqrt:
    return math::RsqrtOp::create(builder, loc, x);
  case UnaryKind::Sin:
    return math::SinOp::create(builder, loc, x);
  case UnaryKind::Cos:
    return math::CosOp::create(builder, loc, x);
  case UnaryKind::Tanh:
    return math::TanhOp::create(builder, loc, x);
  case UnaryKind::Sigmoid:
    return buildSigmoid(builder, loc, x);
  case UnaryKind::Erf:
    return math::ErfOp::create(builder, loc, x);
  case UnaryKind::Relu:
    return arith::MaximumFOp::create(builder, loc, x, buildConstant(builder, loc, 0, x.getType()));
  case UnaryKind::Silu:
    return arith::MulFOp::create(builder, loc, x, buildSigmoid(builder, loc, x));
  case UnaryKind::Softplus:
    return buildSoftplus(builder, loc, x);
  case UnaryKind::Gelu:
    return buildGelu(builder, loc, x);
  case UnaryKind::GeluTanh:
    return buildGeluTanh(builder, loc, x);
  case UnaryKind::Floor:
    return math::FloorOp::create(builder, loc, x);
  case UnaryKind::Ceil:
    return math::CeilOp::create(builder, loc, x);
  case UnaryKind::LogicalNot:
    break;
  }
  llvm_unreachable("checkType rejects `not` of floats");
}

Value fovea::buildUnary(OpBuilder &builder, Location loc, UnaryKind kind, Value x) {
  Type type = x.getType();
  if (!isa<FloatType>(type))
    return buildUnaryInteger(builder, loc, kind, x);
  Value wide = buildCast(builder, loc, x, accumulatorType(type));
  return buildCast(builder, loc, buildUnaryFloat(builder, loc, kind, wide), type);
}
