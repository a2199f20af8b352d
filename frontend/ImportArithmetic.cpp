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

std::optional<SymbolicTensor> Importer::toTensor(const Value &value, mlir::Type elementType,
                                                 SourceRange range) {
  if (auto *tensor = value.get<SymbolicTensor>())
    return *tensor;
  if (value.is<double>() && !llvm::isa<mlir::FloatType>(elementType))
    return fail(range, value.describe() + " is combined with " + formatType(elementType) +
                           "; convert one of them, as in x.to(f32)");
  if (auto number = value.number()) {
    constexpr int64_t exact = int64_t(1) << 53;
    if (value.integer() && std::abs(*number) > exact)
      return fail(range, value.describe() + " is too large for a tensor element");
    return build(range, [&](GraphBuilder &g) { return g.scalar(*number, elementType); });
  }
  std::optional<SymbolicTensor> integer;
  if (auto dim = value.dim())
    integer = build(range, [&](GraphBuilder &g) { return g.dimScalar(*dim); });
  else if (auto *scalar = value.get<ScalarValue>(); scalar && scalar->value.getType().isIndex())
    integer = build(range, [&](GraphBuilder &g) { return g.fromIndex(scalar->value); });
  else
    return fail(range, "expected a tensor or a number, got " + value.describe());
  if (!integer || integer->elementType() == elementType)
    return integer;
  return build(range, [&](GraphBuilder &g) { return g.cast(*integer, elementType); });
}

/// A number of sizes, such as `D ** 0.5`, takes the float type of the tensor beside it.
static void adoptType(SymbolicTensor &number, const SymbolicTensor &beside) {
  if (number.elementType() == beside.elementType() || isSizeNumber(beside))
    return;
  if (auto adopted = sizeNumberAs(number, beside.elementType()))
    number = *adopted;
}

/// The float type that integers beside floats take, PyTorch's: that of a tensor, f32 beside a
/// number. None where there are no integers or no floats.
static mlir::Type promotedType(const Value &left, const Value &right, bool wantFloat) {
  mlir::FloatType wide;
  bool hasIntegers = false, hasFloats = wantFloat;
  for (const Value *value : {&left, &right}) {
    auto *tensor = value->get<SymbolicTensor>();
    auto type = tensor ? llvm::dyn_cast<mlir::FloatType>(tensor->elementType()) : nullptr;
    wide = type ? type : wide;
    hasIntegers |= tensor && !type;
    hasFloats |= type || value->is<double>();
  }
  if (!hasIntegers || !hasFloats)
    return {};
  const Value &tensor = left.is<SymbolicTensor>() ? left : right;
  mlir::Type f32 = mlir::Float32Type::get(tensor.get<SymbolicTensor>()->elementType().getContext());
  return wide ? mlir::Type(wide) : f32;
}

// Numbers and sizes take the element type of the tensor on the other side.
std::optional<std::pair<SymbolicTensor, SymbolicTensor>>
Importer::unifyTensors(const Value &left, const Value &right, SourceRange range, bool wantFloat) {
  auto *a = left.get<SymbolicTensor>(), *b = right.get<SymbolicTensor>();
  mlir::Type promoted = promotedType(left, right, wantFloat);
  auto x = toTensor(left, promoted ? promoted : (a ? a : b)->elementType(), range);
  auto y = toTensor(right, promoted ? promoted : (b ? b : a)->elementType(), range);
  for (std::optional<SymbolicTensor> *operand : {&x, &y})
    if (*operand && promoted)
      *operand = build(range, [&](GraphBuilder &g) { return g.cast(**operand, promoted); });
  if (!x || !y)
    return std::nullopt;
  adoptType(*x, *y);
  adoptType(*y, *x);
  return std::pair(*x, *y);
}

MaybeValue Importer::tensorBinary(BinaryKind kind, const Value &left, const Value &right,
                                  SourceRange range) {
  auto operands = unifyTensors(left, right, range, /*wantFloat=*/kind == BinaryKind::Div);
  if (!operands)
    return std::nullopt;
  if (kind == BinaryKind::Pow && left.is<SymbolicTensor>() && right.number())
    return tensorPower(operands->first, *right.number(), range);
  auto result = build(
      range, [&](GraphBuilder &g) { return g.binary(kind, operands->first, operands->second); });
  return result ? MaybeValue(*result) : std::nullopt;
}

// The powers that have an operation of their own.
MaybeValue Importer::tensorPower(const SymbolicTensor &base, double exponent, SourceRange range) {
  bool isFloat = llvm::isa<mlir::FloatType>(base.elementType());
  auto result = build(range, [&](GraphBuilder &g) -> GraphBuilder::TensorOrError {
    if (exponent == 1)
      return base;
    if (exponent == 2)
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

MaybeValue Importer::unary(UnaryKind kind, const Value &operand, SourceRange range) {
  auto *scalar = operand.get<ScalarValue>();
  auto *tensor = operand.get<SymbolicTensor>();
  if (tensor && region) {
    auto element = toScalar(operand, typeInRegion(*tensor, regionFloat), range);
    return element ? unary(kind, Value(ScalarValue{*element, std::nullopt}), range) : std::nullopt;
  }
  if (scalar) {
    mlir::Value x = scalar->value;
    bool needsFloat = kind != UnaryKind::Abs && kind != UnaryKind::Neg && kind != UnaryKind::Relu &&
                      kind != UnaryKind::LogicalNot;
    if (needsFloat && x.getType().isIntOrIndex()) {
      auto cast = toScalar(operand, regionFloat, range);
      if (!cast)
        return std::nullopt;
      x = *cast;
    }
    if (llvm::Error error = checkType(kind, x.getType()))
      return report(range, std::move(error)), std::nullopt;
    return Value(ScalarValue{buildUnary(scalarBuilder(), locate(range), kind, x), std::nullopt});
  }
  if (tensor) {
    auto result = build(range, [&](GraphBuilder &g) { return g.unary(kind, *tensor); });
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
