// Operators on compile-time numbers, sizes, strings and sequences, and on tensors.
#include "frontend/ImporterImpl.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

namespace fovea {

using namespace ast;
using MaybeValue = Importer::MaybeValue;

static constexpr size_t maxLength = 65536;

static llvm::StringRef symbolOf(BinaryKind kind) {
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
  if (kind == BinaryKind::Add && a && b && !a->layer && !b->layer &&
      a->text.size() + b->text.size() <= maxLength)
    return Value(a->text + b->text);
  auto *front = left.sequence(), *back = right.sequence();
  if (kind == BinaryKind::Add && front && back && front->size() + back->size() <= maxLength) {
    std::vector<Value> all = *front;
    all.insert(all.end(), back->begin(), back->end());
    return Value(std::move(all));
  }
  return fail(range, "'" + symbolOf(kind) + "' does not apply to " + left.describe() + " and " +
                         right.describe());
}

//===-- Compile-time numbers ----------------------------------------------------------------===//

static std::optional<int64_t> checkedPower(int64_t base, int64_t exponent) {
  // One, minus one and zero never overflow; any other base does within 64 steps.
  if (base == 0 || base == 1)
    return exponent == 0 ? 1 : base;
  if (base == -1)
    return exponent % 2 ? -1 : 1;
  int64_t result = 1;
  for (int64_t i = 0; i < exponent; ++i)
    if (llvm::MulOverflow(result, base, result))
      return std::nullopt;
  return result;
}

static std::optional<int64_t> checkedFold(BinaryKind kind, int64_t left, int64_t right) {
  int64_t result = 0;
  switch (kind) {
  case BinaryKind::Add:
    return llvm::AddOverflow(left, right, result) ? std::nullopt : std::optional(result);
  case BinaryKind::Sub:
    return llvm::SubOverflow(left, right, result) ? std::nullopt : std::optional(result);
  case BinaryKind::Mul:
    return llvm::MulOverflow(left, right, result) ? std::nullopt : std::optional(result);
  case BinaryKind::FloorDiv:
    if (right == -1)
      return checkedFold(BinaryKind::Sub, 0, left);
    return llvm::divideFloorSigned(left, right);
  case BinaryKind::Mod:
    return right == -1 ? 0 : left - right * llvm::divideFloorSigned(left, right);
  case BinaryKind::Pow:
    return checkedPower(left, right);
  case BinaryKind::Min:
    return std::min(left, right);
  case BinaryKind::Max:
    return std::max(left, right);
  case BinaryKind::And:
    return left & right;
  case BinaryKind::Or:
    return left | right;
  case BinaryKind::Div:
    break;
  }
  return std::nullopt;
}

MaybeValue Importer::foldInteger(BinaryKind kind, int64_t left, int64_t right, SourceRange range) {
  if ((kind == BinaryKind::FloorDiv || kind == BinaryKind::Mod) && right == 0)
    return fail(range, "division of " + llvm::Twine(left) + " by zero");
  if (auto result = checkedFold(kind, left, right))
    return Value(*result);
  return fail(range, llvm::Twine(left) + " " + symbolOf(kind) + " " + llvm::Twine(right) +
                         " does not fit in 64 bits");
}

MaybeValue Importer::foldFloat(BinaryKind kind, double left, double right, SourceRange range) {
  switch (kind) {
  case BinaryKind::Add:
    return Value(left + right);
  case BinaryKind::Sub:
    return Value(left - right);
  case BinaryKind::Mul:
    return Value(left * right);
  case BinaryKind::Pow:
    if (left < 0 && right != std::floor(right))
      return fail(range, "a fractional power of a negative number is not a real number");
    return Value(std::pow(left, right));
  case BinaryKind::Min:
    return Value(std::min(left, right));
  case BinaryKind::Max:
    return Value(std::max(left, right));
  case BinaryKind::Div:
  case BinaryKind::FloorDiv:
  case BinaryKind::Mod: {
    if (right == 0)
      return fail(range, "division by zero");
    double quotient = left / right;
    if (kind == BinaryKind::Div)
      return Value(quotient);
    quotient = std::floor(quotient);
    return Value(kind == BinaryKind::FloorDiv ? quotient : left - right * quotient);
  }
  case BinaryKind::And:
  case BinaryKind::Or:
    break;
  }
  return fail(range, "'" + symbolOf(kind) + "' takes integers or booleans");
}

// Sizes stay sizes under +, -, *, // and %. Anything else needs their value: a run-time f32.
MaybeValue Importer::foldDim(BinaryKind kind, const Value &left, const Value &right,
                             SourceRange range) {
  auto a = left.dim(), b = right.dim();
  if (a && b) {
    auto wrap = [&](llvm::Expected<SymbolicDim> dim) -> MaybeValue {
      auto taken = take(range, std::move(dim));
      return taken ? MaybeValue(Value(*taken)) : std::nullopt;
    };
    switch (kind) {
    case BinaryKind::Add:
      return wrap(a->plus(*b));
    case BinaryKind::Sub:
      return wrap(a->minus(*b));
    case BinaryKind::Mul:
      return wrap(a->times(*b));
    case BinaryKind::FloorDiv:
      return wrap(a->floorDiv(*b));
    case BinaryKind::Mod:
      return wrap(a->mod(*b));
    default:
      break;
    }
  }
  mlir::Type type = getGraph().opBuilder().getF32Type();
  auto x = toTensor(left, type, range), y = toTensor(right, type, range);
  if (!x || !y)
    return std::nullopt;
  if (kind == BinaryKind::Pow && right.number())
    return tensorPower(*x, *right.number(), range);
  auto result = build(range, [&](GraphBuilder &g) { return g.binary(kind, *x, *y); });
  return result ? MaybeValue(*result) : std::nullopt;
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

// Numbers and sizes take the element type of the tensor on the other side.
std::optional<std::pair<SymbolicTensor, SymbolicTensor>>
Importer::unifyTensors(const Value &left, const Value &right, SourceRange range) {
  auto *a = left.get<SymbolicTensor>(), *b = right.get<SymbolicTensor>();
  auto x = toTensor(left, (a ? a : b)->elementType(), range);
  auto y = toTensor(right, (b ? b : a)->elementType(), range);
  if (!x || !y)
    return std::nullopt;
  return std::pair(*x, *y);
}

MaybeValue Importer::tensorBinary(BinaryKind kind, const Value &left, const Value &right,
                                  SourceRange range) {
  auto *base = left.get<SymbolicTensor>();
  if (kind == BinaryKind::Pow && base && right.number())
    return tensorPower(*base, *right.number(), range);
  auto operands = unifyTensors(left, right, range);
  if (!operands)
    return std::nullopt;
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
    auto element = toScalar(operand, tensor->elementType(), range);
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

//===-- Comparison --------------------------------------------------------------------------===//

static bool holds(CompareOp op, int order) {
  switch (op) {
  case CompareOp::Equal:
  case CompareOp::Is:
    return order == 0;
  case CompareOp::NotEqual:
  case CompareOp::IsNot:
    return order != 0;
  case CompareOp::Less:
    return order < 0;
  case CompareOp::LessEqual:
    return order <= 0;
  case CompareOp::Greater:
    return order > 0;
  case CompareOp::GreaterEqual:
    return order >= 0;
  case CompareOp::In:
  case CompareOp::NotIn:
    break;
  }
  return false;
}

template <typename T>
static int threeWay(const T &a, const T &b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

// -1, 0 or 1; 2 for values that are different but not ordered.
static int orderOf(const Value &left, const Value &right) {
  if (left.integer() && right.integer())
    return threeWay(*left.integer(), *right.integer());
  if (left.number() && right.number())
    return threeWay(*left.number(), *right.number());
  auto *a = left.get<TextValue>(), *b = right.get<TextValue>();
  if (a && b)
    return threeWay(a->text, b->text);
  if (left.dim() && right.dim())
    return *left.dim() == *right.dim() ? 0 : 2;
  if (auto *x = left.get<mlir::Type>(), *y = right.get<mlir::Type>(); x && y)
    return *x == *y ? 0 : 2;
  auto *front = left.sequence(), *back = right.sequence();
  if (front && back && front->size() == back->size())
    return llvm::all_of(
               llvm::zip(*front, *back),
               [](auto pair) { return orderOf(std::get<0>(pair), std::get<1>(pair)) == 0; })
               ? 0
               : 2;
  return left.isNone() && right.isNone() ? 0 : 2;
}

std::optional<bool> Importer::compareConstants(CompareOp op, const Value &left, const Value &right,
                                               SourceRange range) {
  if (op == CompareOp::In || op == CompareOp::NotIn) {
    bool found = false;
    if (auto *config = right.get<ConfigValue>()) {
      auto *key = left.get<TextValue>();
      found = key && config->object->get(key->text);
    } else if (auto *elements = right.sequence()) {
      found = llvm::any_of(*elements, [&](const Value &e) { return orderOf(left, e) == 0; });
    } else {
      return fail(range, "'in' looks in a sequence or a configuration, got " + right.describe());
    }
    return found == (op == CompareOp::In);
  }
  int order = orderOf(left, right);
  bool equality = op != CompareOp::Less && op != CompareOp::LessEqual && op != CompareOp::Greater &&
                  op != CompareOp::GreaterEqual;
  bool symbolic = left.is<SymbolicDim>() || right.is<SymbolicDim>();
  bool oneKind = left.dim() && right.dim();
  if (order == 2 && symbolic && oneKind)
    return fail(range, "whether " + left.describe() + " " + spell(op) + " " + right.describe() +
                           " is not known at compile time");
  if (order == 2 && !equality)
    return fail(range, "'" + spell(op) + "' does not apply to " + left.describe() + " and " +
                           right.describe());
  return holds(op, order);
}

static CompareKind toCompareKind(CompareOp op) {
  switch (op) {
  case CompareOp::Equal:
    return CompareKind::Eq;
  case CompareOp::NotEqual:
    return CompareKind::Ne;
  case CompareOp::Less:
    return CompareKind::Lt;
  case CompareOp::LessEqual:
    return CompareKind::Le;
  case CompareOp::Greater:
    return CompareKind::Gt;
  default:
    return CompareKind::Ge;
  }
}

MaybeValue Importer::compare(CompareOp op, const Value &left, const Value &right,
                             SourceRange range) {
  auto isRunTime = [](const Value &value) {
    return value.is<SymbolicTensor>() || value.is<ScalarValue>();
  };
  bool relation = op < CompareOp::In;
  bool withNone = left.isNone() || right.isNone();
  bool sizesInRegion = region && relation && (left.is<SymbolicDim>() || right.is<SymbolicDim>());
  if (withNone && (isRunTime(left) || isRunTime(right)))
    return Value(op == CompareOp::NotEqual || op == CompareOp::IsNot);
  if (!isRunTime(left) && !isRunTime(right) && !sizesInRegion) {
    auto known = compareConstants(op, left, right, range);
    return known ? MaybeValue(Value(*known)) : std::nullopt;
  }
  if (!relation)
    return fail(range, "'" + spell(op) + "' does not apply to " + left.describe() + " and " +
                           right.describe());
  CompareKind kind = toCompareKind(op);
  if (usesScalars(left, right)) {
    auto operands = unifyScalars(left, right, /*wantFloat=*/false, range);
    if (!operands)
      return std::nullopt;
    mlir::Value result =
        buildCompare(scalarBuilder(), locate(range), kind, operands->first, operands->second);
    return Value(ScalarValue{result, std::nullopt});
  }
  auto operands = unifyTensors(left, right, range);
  if (!operands)
    return std::nullopt;
  auto result = build(
      range, [&](GraphBuilder &g) { return g.compare(kind, operands->first, operands->second); });
  return result ? MaybeValue(*result) : std::nullopt;
}

} // namespace fovea
