// Comparisons of compile-time values, scalars and tensors.
#include "frontend/ImporterImpl.h"

namespace fovea {

using namespace ast;
using MaybeValue = Importer::MaybeValue;

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
  auto *front = left.get<SequenceValue>(), *back = right.get<SequenceValue>();
  uint64_t work = std::max(front ? front->leaves : 0, back ? back->leaves : 0);
  if (!charge(work / 16, range))
    return std::nullopt;
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
  auto known = order == 2 && symbolic && oneKind
                   ? compareSizes(op, *left.dim(), *right.dim(), range)
                   : std::nullopt;
  if (known)
    return known;
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
  bool isSearch = op == CompareOp::In || op == CompareOp::NotIn;
  auto *elements = isSearch ? right.sequence() : nullptr;
  if (elements && (isRunTime(left) || llvm::any_of(*elements, isRunTime))) {
    MaybeValue found = Value(false);
    for (const Value &element : *elements) {
      MaybeValue same = compare(CompareOp::Equal, left, element, range);
      if (!same)
        return std::nullopt;
      bool first = found->is<bool>(), known = same->is<bool>();
      if (known && *same->get<bool>())
        found = same;
      else if (!known)
        found = first && !*found->get<bool>() ? same
                : first                       ? found
                                              : binary(BinaryKind::Or, *found, *same, range);
      if (!found)
        return std::nullopt;
    }
    return op == CompareOp::In ? found : unary(UnaryKind::LogicalNot, *found, range);
  }
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
    auto turns = combineTurns(left, right, [&](int64_t a, int64_t b) {
      return std::optional<int64_t>(holds(op, threeWay(a, b)));
    });
    return Value(ScalarValue{result, std::nullopt, turns});
  }
  auto operands = unifyTensors(left, right, range);
  if (!operands)
    return std::nullopt;
  auto result = build(
      range, [&](GraphBuilder &g) { return g.compare(kind, operands->first, operands->second); });
  return result ? MaybeValue(*result) : std::nullopt;
}

} // namespace fovea
