#include "frontend/ScalarOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <charconv>
#include <cmath>

using namespace mlir;
using namespace fovea;

StringRef fovea::stringify(UnaryKind kind) {
  static constexpr StringLiteral names[] = {
      "abs", "neg",  "exp",  "log",      "sqrt", "rsqrt",     "sin",   "cos",  "tanh", "sigmoid",
      "erf", "relu", "silu", "softplus", "gelu", "gelu_tanh", "floor", "ceil", "not"};
  static_assert(std::size(names) == static_cast<size_t>(UnaryKind::LogicalNot) + 1);
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

// Python's: digits without an exponent from 1e-4 to 1e16, and a point in what is no integer.
std::string fovea::formatNumber(double value) {
  if (!std::isfinite(value))
    return std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
  double magnitude = std::abs(value);
  bool isPlain = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
  char buffer[32];
  auto [end, error] =
      std::to_chars(buffer, buffer + sizeof(buffer), value,
                    isPlain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(buffer, end);
  return isPlain && text.find('.') == std::string::npos ? text + ".0" : text;
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
  if (kind == BinaryKind::Div)
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

Value fovea::clampIndex(OpBuilder &builder, Location loc, Value index, Value tensor, int64_t dim) {
  Value size = builder.createOrFold<tensor::DimOp>(loc, tensor, dim);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value last = builder.createOrFold<arith::SubIOp>(loc, size, one);
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value atMost = arith::MinSIOp::create(builder, loc, index, last);
  return arith::MaxSIOp::create(builder, loc, atMost, zero);
}

Value fovea::wrapIndex(OpBuilder &builder, Location loc, Value index, Value tensor, int64_t dim) {
  Value size = builder.createOrFold<tensor::DimOp>(loc, tensor, dim);
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value isBelow = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, index, zero);
  Value fromEnd = arith::AddIOp::create(builder, loc, index, size);
  Value place = arith::SelectOp::create(builder, loc, isBelow, fromEnd, index);
  return clampIndex(builder, loc, place, tensor, dim);
}
