// Operators on values of any kind: which arithmetic applies, and that on tensors.
#include "frontend/ImporterImpl.h"
#include "frontend/SizeNumbers.h"

namespace fovea {

using namespace ast;
using MaybeValue = Importer::MaybeValue;

/// Floats divided by zero are infinite or no number, as IEEE 754 has it.
static bool hasFloatElements(const Value &value) {
  auto *tensor = value.get<SymbolicTensor>();
  auto *scalar = value.get<ScalarValue>();
  return (tensor && llvm::isa<mlir::FloatType>(tensor->elementType())) ||
         (scalar && llvm::isa<mlir::FloatType>(scalar->value.getType()));
}

bool Importer::usesScalars(const Value &left, const Value &right) const {
  if (region)
    return true;
  bool tensor = left.is<SymbolicTensor>() || right.is<SymbolicTensor>();
  return !tensor && (left.is<ScalarValue>() || right.is<ScalarValue>());
}

MaybeValue Importer::binary(BinaryKind kind, const Value &left, const Value &right,
                            SourceRange range) {
  bool runTime = left.is<SymbolicTensor>() || right.is<SymbolicTensor>() ||
                 left.is<ScalarValue>() || right.is<ScalarValue>();
  bool isDivision = kind == BinaryKind::FloorDiv || kind == BinaryKind::Mod;
  if (runTime && isDivision && right.integer() == 0 && !hasFloatElements(left))
    return fail(range, "division of " + left.describe() + " by zero");
  if (runTime)
    return usesScalars(left, right) ? scalarBinary(kind, left, right, range)
                                    : tensorBinary(kind, left, right, range);
  if (left.number() && right.number()) {
    bool integers = left.integer() && right.integer() && kind != BinaryKind::Div;
    if (integers && !(kind == BinaryKind::Pow && *right.integer() < 0))
      return foldInteger(kind, *left.integer(), *right.integer(), range);
    return foldFloat(kind, *left.number(), *right.number(), range);
  }
  bool sizes = left.is<SymbolicDim>() || right.is<SymbolicDim>();
  if (sizes && (left.dim() || left.number()) && (right.dim() || right.number()))
    return foldDim(kind, left, right, range);
  auto *a = left.get<TextValue>(), *b = right.get<TextValue>();
  if (kind == BinaryKind::Add && a && b && a->isKnown() && b->isKnown())
    return makeText(a->text + b->text, range);
  auto *front = left.sequence(), *back = right.sequence();
  if (kind == BinaryKind::Add && front && back)
    return concatenate(*front, *back, range);
  return fail(range, "'" + spell(kind) + "' does not apply to " + left.describe() + " and " +
                         right.describe());
}

//===-- Tensors -----------------------------------------------------------------------------===//

/// Sums and products of booleans are PyTorch's, which are booleans.
static BinaryKind kindOfBooleans(BinaryKind kind) {
  switch (kind) {
  case BinaryKind::Add:
  case BinaryKind::Max:
    return BinaryKind::Or;
  case BinaryKind::Mul:
  case BinaryKind::Min:
    return BinaryKind::And;
  default:
    return kind;
  }
}

MaybeValue Importer::tensorBinary(BinaryKind kind, const Value &left, const Value &right,
                                  SourceRange range) {
  auto operands = unifyTensors(left, right, range, /*wantFloat=*/kind == BinaryKind::Div);
  if (!operands)
    return std::nullopt;
  if (kind == BinaryKind::Pow && left.is<SymbolicTensor>() && right.number())
    return tensorPower(operands->first, *right.number(), range);
  if (operands->first.elementType().isInteger(1))
    kind = kindOfBooleans(kind);
  auto result = build(
      range, [&](GraphBuilder &g) { return g.binary(kind, operands->first, operands->second); });
  return result ? MaybeValue(*result) : std::nullopt;
}

// The powers that have an operation of their own.
MaybeValue Importer::tensorPower(const SymbolicTensor &base, double exponent, SourceRange range) {
  bool isFloat = llvm::isa<mlir::FloatType>(base.elementType());
  if (!isFloat && exponent < 0)
    return fail(range, "a negative power of integers is no integer: expected an exponent of at "
                       "least 0, got " +
                           llvm::Twine(static_cast<int64_t>(exponent)) +
                           "; convert the base, as in x.float()");
  auto result = build(range, [&](GraphBuilder &g) -> GraphBuilder::TensorOrError {
    if (exponent == 1)
      return base;
    if (exponent == 2 && !base.elementType().isInteger(1))
      return g.mul(base, base);
    if (exponent == 0.5 && isFloat)
      return g.unary(UnaryKind::Sqrt, base);
    if (exponent == -0.5 && isFloat)
      return g.unary(UnaryKind::Rsqrt, base);
    auto power = g.scalar(exponent, base.elementType());
    return power ? g.binary(BinaryKind::Pow, base, *power) : std::move(power);
  });
  return result ? MaybeValue(*result) : std::nullopt;
}

/// Of integers it is computed in floats.
static bool needsFloat(UnaryKind kind) {
  return kind != UnaryKind::Abs && kind != UnaryKind::Neg && kind != UnaryKind::Relu &&
         kind != UnaryKind::LogicalNot;
}

MaybeValue Importer::unary(UnaryKind kind, const Value &operand, SourceRange range) {
  auto *scalar = operand.get<ScalarValue>();
  auto *tensor = operand.get<SymbolicTensor>();
  if (tensor && region) {
    auto element = toScalar(operand, typeInRegion(*tensor, regionFloat), range);
    return element ? unary(kind, Value(ScalarValue{*element, std::nullopt}), range) : std::nullopt;
  }
  if (scalar) {
    mlir::Value x = scalar->value;
    if (needsFloat(kind) && x.getType().isIntOrIndex()) {
      auto cast = toScalar(operand, regionFloat, range);
      if (!cast)
        return std::nullopt;
      x = *cast;
    }
    if (llvm::Error error = checkType(kind, x.getType()))
      return report(range, std::move(error)), std::nullopt;
    mlir::Value result = buildUnary(scalarBuilder(), locate(range), kind, x);
    bool isNot = kind == UnaryKind::LogicalNot;
    return Value(ScalarValue{result, std::nullopt, isNot ? turnsOfNot(*scalar) : nullptr});
  }
  if (tensor) {
    bool isInteger = llvm::isa<mlir::IntegerType>(tensor->elementType());
    bool isRounding = kind == UnaryKind::Floor || kind == UnaryKind::Ceil;
    if (isInteger && isRounding && !tensor->elementType().isInteger(1))
      return operand;
    auto x = isInteger && needsFloat(kind) && !isRounding
                 ? convert(*tensor, mlir::Float32Type::get(getContext()), range)
                 : *tensor;
    auto result = x ? build(range, [&](GraphBuilder &g) { return g.unary(kind, *x); }) : x;
    return result ? MaybeValue(*result) : std::nullopt;
  }
  if (kind == UnaryKind::LogicalNot && operand.is<bool>())
    return Value(!*operand.get<bool>());
  if (kind == UnaryKind::Neg && operand.integer())
    return foldInteger(BinaryKind::Sub, 0, *operand.integer(), range);
  if (kind == UnaryKind::Neg && operand.dim())
    return foldDim(BinaryKind::Sub, Value(int64_t(0)), operand, range);
  if (kind == UnaryKind::Neg && operand.number())
    return Value(-*operand.number());
  return fail(range, "'" + (kind == UnaryKind::Neg ? llvm::StringRef("-") : stringify(kind)) +
                         "' takes a tensor, got " + operand.describe());
}

} // namespace fovea
