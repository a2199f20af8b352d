// Tuples, lists, ranges and comprehensions.
#include "frontend/ImporterImpl.h"

namespace fovea {

using namespace ast;
using MaybeValue = Importer::MaybeValue;

MaybeValue Importer::evaluateSequence(llvm::ArrayRef<Expr *> elements, Scope *scope) {
  std::vector<Value> values;
  bool complete = true;
  for (const Expr *element : elements) {
    MaybeValue value = evaluate(element, scope);
    complete &= value.has_value();
    if (value)
      values.push_back(std::move(*value));
  }
  return complete ? MaybeValue(Value(std::move(values))) : std::nullopt;
}

MaybeValue Importer::concatenate(const std::vector<Value> &front, const std::vector<Value> &back,
                                 SourceRange range) {
  size_t count = front.size() + back.size();
  if (count > maxElements)
    return fail(range, "a sequence has at most " + llvm::Twine(maxElements) + " elements, got " +
                           llvm::Twine(count));
  if (!charge(count, range))
    return std::nullopt;
  std::vector<Value> all = front;
  all.insert(all.end(), back.begin(), back.end());
  return Value(std::move(all));
}

std::shared_ptr<const std::vector<Value>> Importer::elementsOf(const Value &value,
                                                               SourceRange range) {
  if (auto *sequence = value.get<SequenceValue>())
    return sequence->elements;
  auto *bounds = value.get<RangeValue>();
  if (!bounds)
    return fail(range, "expected a tuple, a list or a range, got " + value.describe()), nullptr;
  auto begin = bounds->begin.constant(), end = bounds->end.constant();
  if (!begin || !end)
    return fail(range, "a sequence must have a length known at compile time, and this ends at " +
                           bounds->end.str()),
           nullptr;
  uint64_t count = *end > *begin ? static_cast<uint64_t>(*end) - static_cast<uint64_t>(*begin) : 0;
  if (count > maxElements)
    return fail(range, "a sequence has at most " + llvm::Twine(maxElements) + " elements, got " +
                           llvm::Twine(count)),
           nullptr;
  if (!charge(count, range))
    return nullptr;
  std::vector<Value> elements;
  for (int64_t i = *begin; i < *end; ++i)
    elements.emplace_back(i);
  return std::make_shared<const std::vector<Value>>(std::move(elements));
}

MaybeValue Importer::evaluateComprehension(const ComprehensionExpr &expr, Scope *scope) {
  MaybeValue sequence = evaluate(expr.sequence, scope);
  if (!sequence)
    return std::nullopt;
  auto elements = elementsOf(*sequence, expr.sequence->range);
  if (!elements)
    return std::nullopt;
  std::vector<Value> results;
  for (const Value &element : *elements) {
    Scope *inner = newScope(scope);
    if (!bindTargets(expr.targets, element, expr.sequence->range, *inner))
      return std::nullopt;
    if (expr.condition) {
      MaybeValue condition = evaluate(expr.condition, inner);
      auto keep = condition ? truth(*condition, expr.condition->range) : std::nullopt;
      if (!keep)
        return std::nullopt;
      if (!*keep)
        continue;
    }
    MaybeValue value = evaluate(expr.element, inner);
    if (!value)
      return std::nullopt;
    results.push_back(std::move(*value));
  }
  return Value(std::move(results));
}

static std::optional<size_t> wrapIndex(int64_t index, size_t size) {
  auto count = static_cast<int64_t>(size);
  if (index < -count || index >= count)
    return std::nullopt;
  return static_cast<size_t>(index < 0 ? index + count : index);
}

MaybeValue Importer::subscriptSequence(const Value &object, const SubscriptExpr &expr,
                                       Scope *scope) {
  auto elements = elementsOf(object, expr.object->range);
  if (!elements)
    return std::nullopt;
  if (expr.indices.size() != 1)
    return fail(expr.range, "a sequence takes one index");
  const Expr *index = expr.indices[0];
  auto *slice = llvm::dyn_cast<SliceExpr>(index);
  auto size = static_cast<int64_t>(elements->size());
  int64_t bounds[3] = {0, size, 1};
  const Expr *parts[3] = {slice ? slice->begin : index, slice ? slice->end : nullptr,
                          slice ? slice->step : nullptr};
  for (size_t i = 0; i < 3; ++i) {
    if (!parts[i])
      continue;
    MaybeValue value = evaluate(parts[i], scope);
    if (!value)
      return std::nullopt;
    if (!value->integer())
      return fail(parts[i]->range, "the index of a sequence must be a compile-time integer, got " +
                                       value->describe());
    bounds[i] = *value->integer();
  }
  if (!slice) {
    auto at = wrapIndex(bounds[0], elements->size());
    if (!at)
      return fail(index->range, "index " + llvm::Twine(bounds[0]) + " is outside a sequence of " +
                                    llvm::Twine(size));
    return (*elements)[*at];
  }
  if (bounds[2] == 0)
    return fail(index->range, "expected a step of a slice other than 0, got 0");
  if (!charge(elements->size(), index->range))
    return std::nullopt;
  // Python's: bounds outside are the closest inside, and a step below 0 goes from the end on.
  bool isBackward = bounds[2] < 0;
  int64_t lowest = isBackward ? -1 : 0, highest = isBackward ? size - 1 : size;
  auto bound = [&](size_t i, int64_t otherwise) {
    int64_t at = bounds[i] < 0 ? std::max(bounds[i], -size - 1) + size : bounds[i];
    return parts[i] ? std::clamp(at, lowest, highest) : otherwise;
  };
  int64_t first = bound(0, isBackward ? highest : lowest);
  int64_t end = bound(1, isBackward ? lowest : highest);
  int64_t step = std::clamp(bounds[2], -size - 1, size + 1);
  std::vector<Value> part;
  for (int64_t i = first; isBackward ? i > end : i < end; i += step)
    part.push_back((*elements)[i]);
  return Value(std::move(part));
}

} // namespace fovea
