#include "frontend/ScalarOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include <cmath>
#include <numbers>

using namespace mlir;
using namespace fovea;

StringRef fovea::stringify(UnaryKind kind) {
  static constexpr StringLiteral names[] = {"abs",  "neg",  "exp",       "log",     "sqrt", "rsqrt",
                                            "sin",  "cos",  "tanh",      "sigmoid", "erf",  "relu",
                                            "silu", "gelu", "gelu_tanh", "floor",   "ceil", "not"};
  return names[static_cast<size_t>(kind)];
}

StringRef fovea::stringify(BinaryKind kind) {
  static constexpr StringLiteral names[] = {"add", "sub", "mul", "div", "floordiv", "mod",
                                            "pow", "min", "max", "and", "or"};
  return names[static_cast<size_t>(kind)];
}

StringRef fovea::stringify(CompareKind kind) {
  static constexpr StringLiteral names[] = {"eq", "ne", "lt", "le", "gt", "ge"};
  return names[static_cast<size_t>(kind)];
}

StringRef fovea::spell(BinaryKind kind) {
  switch (kind) {
  case BinaryKind::Add:
    return "+";
  case BinaryKind::Sub:
    return "-";
  case BinaryKind::Mul:
    return "*";
  case BinaryKind::Div:
    return "/";
  case BinaryKind::FloorDiv:
    return "//";
  case BinaryKind::Mod:
    return "%";
  case BinaryKind::Pow:
    return "**";
  case BinaryKind::And:
    return "&";
  case BinaryKind::Or:
    return "|";
  default:
    return stringify(kind);
  }
}

std::string fovea::formatType(Type type) {
  if (type.isInteger(1))
    return "bool";
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

Type fovea::accumulatorType(Type type) {
  if (type.isF16() || type.isBF16())
    return Float32Type::get(type.getContext());
  return type;
}

static llvm::Error expectedElements(StringRef operation, StringRef expected, Type type) {
  return llvm::createStringError(operation + ": expected " + expected + " elements, got " +
                                 formatType(type));
}

static bool isNumber(Type type) { return type.isIntOrIndexOrFloat() && !type.isInteger(1); }

llvm::Error fovea::checkType(UnaryKind kind, Type type) {
  if (kind == UnaryKind::LogicalNot)
    return type.isInteger(1) ? llvm::Error::success()
                             : expectedElements(stringify(kind), "bool", type);
  bool takesIntegers = kind == UnaryKind::Abs || kind == UnaryKind::Neg || kind == UnaryKind::Relu;
  if (takesIntegers)
    return isNumber(type) ? llvm::Error::success()
                          : expectedElements(stringify(kind), "float or integer", type);
  return isa<FloatType>(type) ? llvm::Error::success()
                              : expectedElements(stringify(kind), "float", type);
}

llvm::Error fovea::checkType(BinaryKind kind, Type type) {
  if (kind == BinaryKind::And || kind == BinaryKind::Or)
    return type.isInteger(1) ? llvm::Error::success()
                             : expectedElements(stringify(kind), "bool", type);
  if (kind == BinaryKind::Div || kind == BinaryKind::Pow)
    return isa<FloatType>(type) ? llvm::Error::success()
                                : expectedElements(stringify(kind), "float", type);
  return isNumber(type) ? llvm::Error::success()
                        : expectedElements(stringify(kind), "float or integer", type);
}

TypedAttr fovea::constantAttr(double value, Type type) {
  if (auto floatType = dyn_cast<FloatType>(type))
    return FloatAttr::get(floatType, value);
  if (type.isInteger(1))
    return IntegerAttr::get(type, value != 0);
  return IntegerAttr::get(type, static_cast<int64_t>(value));
}

Value fovea::buildConstant(OpBuilder &builder, Location loc, double value, Type type) {
  return arith::ConstantOp::create(builder, loc, constantAttr(value, type));
}

// ---- Unary -------------------------------------------------------------------------------------

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

// ---- Indices -----------------------------------------------------------------------------------

Value fovea::clampIndex(OpBuilder &builder, Location loc, Value index, Value tensor, int64_t dim) {
  Value size = builder.createOrFold<tensor::DimOp>(loc, tensor, dim);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value last = builder.createOrFold<arith::SubIOp>(loc, size, one);
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value atMost = arith::MinSIOp::create(builder, loc, index, last);
  return arith::MaxSIOp::create(builder, loc, atMost, zero);
}

// ---- Binary ------------------------------------------------------------------------------------

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
  case BinaryKind::Div:
  case BinaryKind::Pow:
    break;
  }
  llvm_unreachable("checkType rejects `div` and `pow` of integers");
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

// ---- Casts -------------------------------------------------------------------------------------

static Value buildFloatCast(OpBuilder &builder, Location loc, Value x, FloatType type) {
  unsigned from = cast<FloatType>(x.getType()).getWidth(), to = type.getWidth();
  if (from < to)
    return arith::ExtFOp::create(builder, loc, type, x);
  if (from > to)
    return arith::TruncFOp::create(builder, loc, type, x);
  // f16 and bf16 have no direct conversion.
  Value wide = arith::ExtFOp::create(builder, loc, builder.getF32Type(), x);
  return arith::TruncFOp::create(builder, loc, type, wide);
}

static Value buildIntegerCast(OpBuilder &builder, Location loc, Value x, Type type) {
  if (x.getType().isIndex() || type.isIndex()) {
    if (x.getType().isInteger(1))
      return arith::IndexCastUIOp::create(builder, loc, type, x);
    return arith::IndexCastOp::create(builder, loc, type, x);
  }
  unsigned from = x.getType().getIntOrFloatBitWidth(), to = type.getIntOrFloatBitWidth();
  if (from > to)
    return arith::TruncIOp::create(builder, loc, type, x);
  if (from == 1)
    return arith::ExtUIOp::create(builder, loc, type, x);
  return arith::ExtSIOp::create(builder, loc, type, x);
}

/// LLVM converts only integers of known width to and from floats.
static Value indexAsInteger(OpBuilder &builder, Location loc, Value x) {
  if (!x.getType().isIndex())
    return x;
  return arith::IndexCastOp::create(builder, loc, builder.getI64Type(), x);
}

static Value buildIntegerToFloat(OpBuilder &builder, Location loc, Value x, FloatType type) {
  x = indexAsInteger(builder, loc, x);
  if (x.getType().isInteger(1))
    return arith::UIToFPOp::create(builder, loc, type, x);
  return arith::SIToFPOp::create(builder, loc, type, x);
}

Value fovea::buildCast(OpBuilder &builder, Location loc, Value x, Type type) {
  Type from = x.getType();
  if (from == type)
    return x;
  if (type.isInteger(1))
    return buildCompare(builder, loc, CompareKind::Ne, x, buildConstant(builder, loc, 0, from));
  if (auto floatType = dyn_cast<FloatType>(type))
    return isa<FloatType>(from) ? buildFloatCast(builder, loc, x, floatType)
                                : buildIntegerToFloat(builder, loc, x, floatType);
  if (!isa<FloatType>(from))
    return buildIntegerCast(builder, loc, x, type);
  Type integer = type.isIndex() ? builder.getI64Type() : type;
  Value converted = arith::FPToSIOp::create(builder, loc, integer, x);
  return type.isIndex() ? arith::IndexCastOp::create(builder, loc, type, converted) : converted;
}
