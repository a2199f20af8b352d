#include "frontend/ScalarOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace fovea;

/// floor(a / b), some number where b is 0. A division by 0, or of the lowest number by -1, ends the
/// process, and a region evaluates it where its conditions do not ask for it too.
static Value buildFloorDivInteger(OpBuilder &builder, Location loc, Value a, Value b) {
  APInt divisor;
  if (matchPattern(b, m_ConstantInt(&divisor)) && !divisor.isZero() && !divisor.isAllOnes())
    return arith::FloorDivSIOp::create(builder, loc, a, b);
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(builder, loc, builder.getIntegerAttr(b.getType(), value));
  };
  auto is = [&](int64_t value) -> Value {
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, b, constant(value));
  };
  Value isZero = is(0), isMinusOne = is(-1);
  Value isSpecial = arith::OrIOp::create(builder, loc, isZero, isMinusOne);
  Value safe = arith::SelectOp::create(builder, loc, isSpecial, constant(1), b);
  Value quotient = arith::FloorDivSIOp::create(builder, loc, a, safe);
  Value negated = arith::SubIOp::create(builder, loc, constant(0), a);
  return arith::SelectOp::create(builder, loc, isMinusOne, negated, quotient);
}

/// a - b * floor(a / b): the sign of the divisor.
static Value buildModInteger(OpBuilder &builder, Location loc, Value a, Value b) {
  Value quotient = buildFloorDivInteger(builder, loc, a, b);
  return arith::SubIOp::create(builder, loc, a, arith::MulIOp::create(builder, loc, quotient, b));
}

/// By squares, one for each bit of the exponent.
static Value buildPowInteger(OpBuilder &builder, Location loc, Value base, int64_t exponent) {
  Value power, square = base;
  for (; exponent; exponent >>= 1) {
    if (exponent & 1)
      power = power ? arith::MulIOp::create(builder, loc, power, square).getResult() : square;
    if (exponent > 1)
      square = arith::MulIOp::create(builder, loc, square, square);
  }
  return power ? power : buildConstant(builder, loc, 1, base.getType());
}

/// The same of an exponent known at run time. Powers from 64 on fit in no type, but for those of
/// -1, 0 and 1: of larger exponents only the parity counts.
static Value buildPowInteger(OpBuilder &builder, Location loc, Value base, Value exponent) {
  APInt known;
  if (matchPattern(exponent, m_ConstantInt(&known)) && !known.isNegative())
    return buildPowInteger(builder, loc, base, known.getSExtValue());
  constexpr int64_t most = 64;
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(builder, loc, builder.getIntegerAttr(base.getType(), value));
  };
  auto is = [&](arith::CmpIPredicate predicate, Value a, int64_t b) -> Value {
    return arith::CmpIOp::create(builder, loc, predicate, a, constant(b));
  };
  Value zero = constant(0), one = constant(1);
  Value isNegative = is(arith::CmpIPredicate::slt, exponent, 0);
  Value negated = arith::SubIOp::create(builder, loc, zero, exponent);
  Value count = arith::SelectOp::create(builder, loc, isNegative, negated, exponent);
  Value parity = arith::AndIOp::create(builder, loc, count, one);
  Value large = arith::AddIOp::create(builder, loc, constant(most), parity);
  Value isLarge = is(arith::CmpIPredicate::ugt, count, most);
  count = arith::SelectOp::create(builder, loc, isLarge, large, count);
  Value power = one, square = base;
  for (int64_t bit = 1; bit <= most; bit *= 2) {
    if (bit > 1)
      square = arith::MulIOp::create(builder, loc, square, square);
    Value digit = arith::AndIOp::create(builder, loc, count, constant(bit));
    Value factor =
        arith::SelectOp::create(builder, loc, is(arith::CmpIPredicate::ne, digit, 0), square, one);
    power = arith::MulIOp::create(builder, loc, power, factor);
  }
  // 1 / base of an integer, rounded towards zero.
  Value isOne = is(arith::CmpIPredicate::eq, base, 1);
  Value isUnit = arith::OrIOp::create(builder, loc, isOne, is(arith::CmpIPredicate::eq, base, -1));
  Value inverse = arith::SelectOp::create(builder, loc, isUnit, power, zero);
  return arith::SelectOp::create(builder, loc, isNegative, inverse, power);
}

static Value buildBinaryInteger(OpBuilder &builder, Location loc, BinaryKind kind, Value a,
                                Value b) {
  switch (kind) {
  case BinaryKind::Add:
    return arith::AddIOp::create(builder, loc, a, b);
  case BinaryKind::Sub:
    return arith::SubIOp::create(builder, loc, a, b);
  case BinaryKind::Mul:
    return arith::MulIOp::create(builder, loc, a, b);
  case BinaryKind::FloorDiv:
    return buildFloorDivInteger(builder, loc, a, b);
  case BinaryKind::Mod:
    return buildModInteger(builder, loc, a, b);
  case BinaryKind::Min:
    return arith::MinSIOp::create(builder, loc, a, b);
  case BinaryKind::Max:
    return arith::MaxSIOp::create(builder, loc, a, b);
  case BinaryKind::And:
    return arith::AndIOp::create(builder, loc, a, b);
  case BinaryKind::Or:
    return arith::OrIOp::create(builder, loc, a, b);
  case BinaryKind::Pow:
    return buildPowInteger(builder, loc, a, b);
  case BinaryKind::Div:
    break;
  }
  llvm_unreachable("checkType rejects `div` of integers");
}

/// Small constant powers are products: exact where powf is not, and cheap.
static Value buildPow(OpBuilder &builder, Location loc, Value a, Value b) {
  FloatAttr exponent;
  if (!matchPattern(b, m_Constant(&exponent)))
    return math::PowFOp::create(builder, loc, a, b);
  double power = exponent.getValueAsDouble();
  if (power == 0.5)
    return math::SqrtOp::create(builder, loc, a);
  if (power != 2 && power != 3)
    return math::PowFOp::create(builder, loc, a, b);
  Value square = arith::MulFOp::create(builder, loc, a, a);
  return power == 2 ? square : arith::MulFOp::create(builder, loc, square, a);
}

static Value buildFloorDivFloat(OpBuilder &builder, Location loc, Value a, Value b) {
  return math::FloorOp::create(builder, loc, arith::DivFOp::create(builder, loc, a, b));
}

static Value buildBinaryFloat(OpBuilder &builder, Location loc, BinaryKind kind, Value a, Value b) {
  switch (kind) {
  case BinaryKind::Add:
    return arith::AddFOp::create(builder, loc, a, b);
  case BinaryKind::Sub:
    return arith::SubFOp::create(builder, loc, a, b);
  case BinaryKind::Mul:
    return arith::MulFOp::create(builder, loc, a, b);
  case BinaryKind::Div:
    return arith::DivFOp::create(builder, loc, a, b);
  case BinaryKind::FloorDiv:
    return buildFloorDivFloat(builder, loc, a, b);
  case BinaryKind::Mod: {
    Value whole = arith::MulFOp::create(builder, loc, buildFloorDivFloat(builder, loc, a, b), b);
    return arith::SubFOp::create(builder, loc, a, whole);
  }
  case BinaryKind::Pow:
    return buildPow(builder, loc, a, b);
  case BinaryKind::Min:
    return arith::MinimumFOp::create(builder, loc, a, b);
  case BinaryKind::Max:
    return arith::MaximumFOp::create(builder, loc, a, b);
  case BinaryKind::And:
  case BinaryKind::Or:
    break;
  }
  llvm_unreachable("checkType rejects `and` and `or` of floats");
}

static bool isOneInstruction(BinaryKind kind) {
  return kind != BinaryKind::FloorDiv && kind != BinaryKind::Mod && kind != BinaryKind::Pow;
}

Value fovea::buildBinary(OpBuilder &builder, Location loc, BinaryKind kind, Value a, Value b) {
  Type type = a.getType();
  if (!isa<FloatType>(type))
    return buildBinaryInteger(builder, loc, kind, a, b);
  if (isOneInstruction(kind))
    return buildBinaryFloat(builder, loc, kind, a, b);
  Value wideA = buildCast(builder, loc, a, accumulatorType(type));
  Value wideB = buildCast(builder, loc, b, accumulatorType(type));
  return buildCast(builder, loc, buildBinaryFloat(builder, loc, kind, wideA, wideB), type);
}

Value fovea::buildCompare(OpBuilder &builder, Location loc, CompareKind kind, Value a, Value b) {
  using arith::CmpFPredicate, arith::CmpIPredicate;
  static constexpr CmpFPredicate floats[] = {CmpFPredicate::OEQ, CmpFPredicate::UNE,
                                             CmpFPredicate::OLT, CmpFPredicate::OLE,
                                             CmpFPredicate::OGT, CmpFPredicate::OGE};
  static constexpr CmpIPredicate integers[] = {CmpIPredicate::eq,  CmpIPredicate::ne,
                                               CmpIPredicate::slt, CmpIPredicate::sle,
                                               CmpIPredicate::sgt, CmpIPredicate::sge};
  // As signed one-bit integers true is -1, below false.
  static constexpr CmpIPredicate booleans[] = {CmpIPredicate::eq,  CmpIPredicate::ne,
                                               CmpIPredicate::ult, CmpIPredicate::ule,
                                               CmpIPredicate::ugt, CmpIPredicate::uge};
  auto index = static_cast<size_t>(kind);
  if (isa<FloatType>(a.getType()))
    return arith::CmpFOp::create(builder, loc, floats[index], a, b);
  const CmpIPredicate *predicates = a.getType().isInteger(1) ? booleans : integers;
  return arith::CmpIOp::create(builder, loc, predicates[index], a, b);
}
