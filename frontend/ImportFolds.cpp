// Arithmetic on numbers and sizes that are known at compile time.
#include "frontend/ImporterImpl.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

namespace fovea {

using namespace ast;
using MaybeValue = Importer::MaybeValue;

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

/// Of a size: more factors than a size may have.
static constexpr int64_t maxPower = 64;

std::optional<int64_t> Importer::checkedFold(BinaryKind kind, int64_t left, int64_t right) {
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
  return fail(range, llvm::Twine(left) + " " + spell(kind) + " " + llvm::Twine(right) +
                         " does not fit in 64 bits");
}

MaybeValue Importer::foldFloat(BinaryKind kind, double left, double right, SourceRange range) {
  // Numbers that are infinite were written so.
  auto finite = [&](double result) -> MaybeValue {
    if (std::isfinite(left) && std::isfinite(right) && !std::isfinite(result))
      return fail(range, Value(left).describe() + " " + spell(kind) + " " +
                             Value(right).describe() + " is too large for f64");
    return Value(result);
  };
  switch (kind) {
  case BinaryKind::Add:
    return finite(left + right);
  case BinaryKind::Sub:
    return finite(left - right);
  case BinaryKind::Mul:
    return finite(left * right);
  case BinaryKind::Pow:
    if (left < 0 && right != std::floor(right))
      return fail(range, "a fractional power of a negative number is not a real number");
    if (left == 0 && right < 0)
      return fail(range, "a negative power of zero is a division by zero");
    return finite(std::pow(left, right));
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
      return finite(quotient);
    quotient = std::floor(quotient);
    return Value(kind == BinaryKind::FloorDiv ? quotient : left - right * quotient);
  }
  case BinaryKind::And:
  case BinaryKind::Or:
    break;
  }
  return fail(range, "'" + spell(kind) + "' takes integers or booleans");
}

/// The product of so many times the size.
static llvm::Expected<SymbolicDim> powerOf(const SymbolicDim &size, int64_t exponent) {
  llvm::Expected<SymbolicDim> power = SymbolicDim(1);
  for (int64_t n = 0; n < exponent && power; ++n)
    power = power->times(size);
  return power;
}

// Sizes stay sizes under +, -, *, //, % and powers. Of two the smaller and larger is an i64 of run
// time where that is not known, anything else an f32.
MaybeValue Importer::foldDim(BinaryKind kind, const Value &left, const Value &right,
                             SourceRange range) {
  auto a = left.dim(), b = right.dim();
  if (a && b) {
    if (!charge(a->terms().size() * b->terms().size() / 4, range))
      return std::nullopt;
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
    case BinaryKind::Pow:
      if (right.integer() && *right.integer() >= 0 && *right.integer() <= maxPower)
        return wrap(powerOf(*a, *right.integer()));
      break;
    case BinaryKind::Min:
    case BinaryKind::Max:
      if (compareSizes(CompareOp::LessEqual, *a, *b, range) == true)
        return kind == BinaryKind::Min ? left : right;
      if (compareSizes(CompareOp::GreaterEqual, *a, *b, range) == true)
        return kind == BinaryKind::Max ? left : right;
      break;
    default:
      break;
    }
  }
  bool isChoice = a && b && (kind == BinaryKind::Min || kind == BinaryKind::Max);
  mlir::Type type = isChoice ? mlir::Type(getGraph().opBuilder().getI64Type())
                             : getGraph().opBuilder().getF32Type();
  auto x = toTensor(left, type, range), y = toTensor(right, type, range);
  if (!x || !y)
    return std::nullopt;
  if (kind == BinaryKind::Pow && right.number())
    return tensorPower(*x, *right.number(), range);
  auto result = build(range, [&](GraphBuilder &g) { return g.binary(kind, *x, *y); });
  return result ? MaybeValue(*result) : std::nullopt;
}

} // namespace fovea
