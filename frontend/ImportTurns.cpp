// What scalars that are computed of a loop's index alone are in each turn of the loop. A choice by
// such a scalar is taken in turns that are known, so that what it calls by the index, such as a
// weight of each layer, has to exist for these turns only.
#include "frontend/ImporterImpl.h"

namespace fovea {

using Turns = std::shared_ptr<const TurnValues>;

/// Loops of more turns are not followed.
static constexpr int64_t mostTurns = 512;

/// Beyond it nothing is known, so that nothing overflows.
static constexpr int64_t most = int64_t(1) << 30;

static Turns turnsOf(const Value &value) {
  auto *scalar = value.get<ScalarValue>();
  return scalar ? scalar->turns : nullptr;
}

/// Of a scalar in turn `turn`, or of a constant.
static std::optional<int64_t> numberIn(size_t turn, const Value &value) {
  if (Turns turns = turnsOf(value))
    return turns->values[turn];
  return value.integer();
}

Turns Importer::combineTurns(const Value &left, const Value &right,
                             llvm::function_ref<std::optional<int64_t>(int64_t, int64_t)> combine) {
  Turns a = turnsOf(left), b = turnsOf(right);
  if ((!a && !b) || (a && b && a->loop != b->loop))
    return nullptr;
  auto result = std::make_shared<TurnValues>();
  result->loop = (a ? a : b)->loop;
  result->values.reserve((a ? a : b)->values.size());
  for (size_t turn = 0, count = (a ? a : b)->values.size(); turn < count; ++turn) {
    auto x = numberIn(turn, left), y = numberIn(turn, right);
    if (!x || !y || *x < -most || *x > most || *y < -most || *y > most)
      return nullptr;
    auto value = combine(*x, *y);
    if (!value)
      return nullptr;
    result->values.push_back(*value);
  }
  return result;
}

Turns Importer::turnsOfBinary(BinaryKind kind, const Value &left, const Value &right) {
  bool divides = kind == BinaryKind::FloorDiv || kind == BinaryKind::Mod;
  return combineTurns(left, right, [&](int64_t a, int64_t b) {
    bool isKnown = kind != BinaryKind::Pow && !(divides && b < 1);
    return isKnown ? checkedFold(kind, a, b) : std::nullopt;
  });
}

Turns Importer::turnsOfNot(const ScalarValue &condition) {
  return condition.value.getType().isInteger(1)
             ? combineTurns(Value(condition), Value(int64_t(1)),
                            [](int64_t a, int64_t b) { return std::optional(a ^ b); })
             : nullptr;
}

//===-- Loops and choices -------------------------------------------------------------------===//

Turns Importer::beginTurns(mlir::Value loop, const RangeValue &range) {
  auto first = range.begin.constant(), end = range.end.constant();
  if (!first || !end || *end - *first > mostTurns)
    return nullptr;
  auto turns = std::make_shared<TurnValues>(TurnValues{loop, {}});
  for (int64_t number = *first; number < *end; ++number)
    turns->values.push_back(number);
  reaching[loop] = llvm::BitVector(turns->values.size(), true);
  return turns;
}

llvm::BitVector Importer::turnsWhere(const TurnValues &condition, bool holds) {
  llvm::BitVector turns = reaching.lookup(condition.loop);
  for (unsigned turn : llvm::to_vector(turns.set_bits()))
    if ((condition.values[turn] != 0) != holds)
      turns.reset(turn);
  return turns;
}

/// The numbers that the turns which get here go through, as begins and ends; nothing if that are
/// all below `count`.
static llvm::SmallVector<int64_t, 0> spansOf(const TurnValues &numbers,
                                             const llvm::BitVector &turns, int64_t count) {
  std::set<int64_t> reached;
  for (unsigned turn : turns.set_bits())
    reached.insert(numbers.values[turn]);
  llvm::SmallVector<int64_t, 0> spans;
  for (int64_t number : reached)
    if (!spans.empty() && spans.back() == number)
      ++spans.back();
    else
      spans.append({number, number + 1});
  bool isAll = spans.size() == 2 && spans[0] == 0 && spans[1] == count;
  return isAll ? llvm::SmallVector<int64_t, 0>() : spans;
}

LoopIndex Importer::loopIndex(const ScalarValue &number) {
  LoopIndex index{number.value, number.range->last + 1};
  if (number.turns && reaching.contains(number.turns->loop))
    index.spans = spansOf(*number.turns, reaching.lookup(number.turns->loop), index.count);
  return index;
}

} // namespace fovea
