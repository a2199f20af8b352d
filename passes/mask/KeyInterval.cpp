#include "passes/mask/KeyInterval.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace fovea;

//===----------------------------------------------------------------------===//
// Construction
//===----------------------------------------------------------------------===//

KeyInterval KeyInterval::where(const MaskPredicate &condition) {
  if (condition.isTrue() || condition.isFalse())
    return condition.isTrue() ? all() : none();
  KeyInterval range(Kind::Where);
  range.condition = condition;
  return range;
}

KeyInterval KeyInterval::combine(Kind kind, Kind neutral, Kind absorbing,
                                 std::vector<KeyInterval> ranges) {
  KeyInterval result(kind);
  for (KeyInterval &range : ranges) {
    if (range.kind == absorbing)
      return range;
    if (range.kind == kind)
      llvm::append_range(result.operands, range.operands);
    else if (range.kind != neutral)
      result.operands.push_back(std::move(range));
  }
  if (result.operands.empty())
    return KeyInterval(neutral);
  return result.operands.size() == 1 ? KeyInterval(result.operands.front()) : result;
}

KeyInterval KeyInterval::intersection(std::vector<KeyInterval> ranges) {
  return combine(Kind::Intersection, Kind::All, Kind::None, std::move(ranges));
}

KeyInterval KeyInterval::hull(std::vector<KeyInterval> ranges) {
  return combine(Kind::Hull, Kind::None, Kind::All, std::move(ranges));
}

KeyInterval KeyInterval::longest(std::vector<KeyInterval> ranges) {
  return combine(Kind::Longest, Kind::None, Kind::All, std::move(ranges));
}

//===----------------------------------------------------------------------===//
// Emission
//===----------------------------------------------------------------------===//

KeyInterval::Emitted KeyInterval::emit(EmitBuilder &b, PredicateEmitter &forms, Value keys) const {
  auto max = [&](Value x, Value y) { return b.createOrFold<arith::MaxSIOp>(x, y); };
  auto select = [&](Value condition, Value yes, Value no) {
    return b.createOrFold<arith::SelectOp>(condition, yes, no);
  };
  switch (kind) {
  case Kind::All:
    return {b.index(0), keys};
  case Kind::None: // the neutral element of the hull
    return {keys, b.index(0)};
  case Kind::From:
    return {forms.emit(bound), keys};
  case Kind::Below:
    return {b.index(0), forms.emit(bound)};
  case Kind::Where: {
    Value holds = forms.emit(condition);
    return {select(holds, b.index(0), keys), select(holds, keys, b.index(0))};
  }
  default:
    break;
  }
  Emitted result = operands.front().emit(b, forms, keys);
  for (const KeyInterval &operand : llvm::drop_begin(operands)) {
    Emitted next = operand.emit(b, forms, keys);
    if (kind == Kind::Intersection) {
      result = {max(result.lo, next.lo), b.min(result.hi, next.hi)};
    } else if (kind == Kind::Hull) {
      // What lies outside of the keys is clipped.
      bool fromFirst = isConstantIntValue(result.lo, 0) || isConstantIntValue(next.lo, 0);
      bool toLast = result.hi == keys || next.hi == keys;
      result = {fromFirst ? b.index(0) : b.min(result.lo, next.lo),
                toLast ? keys : max(result.hi, next.hi)};
    } else {
      Value keeps = b.createOrFold<arith::CmpIOp>(
          arith::CmpIPredicate::sge, b.sub(result.hi, result.lo), b.sub(next.hi, next.lo));
      result = {select(keeps, result.lo, next.lo), select(keeps, result.hi, next.hi)};
    }
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

std::optional<KeyInterval::Ends>
KeyInterval::evaluate(llvm::function_ref<std::optional<int64_t>(Value)> lookup,
                      int64_t keys) const {
  std::optional<int64_t> at = bound.evaluate(lookup);
  std::optional<bool> holds = condition.evaluate(lookup);
  if (!at || !holds)
    return std::nullopt;
  switch (kind) {
  case Kind::From:
    return Ends{*at, keys};
  case Kind::Below:
    return Ends{0, *at};
  case Kind::All:
  case Kind::None:
  case Kind::Where:
    return kind == Kind::All || (kind == Kind::Where && *holds) ? Ends{0, keys} : Ends{keys, 0};
  default:
    break;
  }
  std::optional<Ends> result;
  for (const KeyInterval &operand : operands) {
    std::optional<Ends> next = operand.evaluate(lookup, keys);
    if (!next)
      return std::nullopt;
    if (!result)
      result = next;
    else if (kind == Kind::Intersection)
      result = {std::max(result->lo, next->lo), std::min(result->hi, next->hi)};
    else if (kind == Kind::Hull)
      result = {std::min(result->lo, next->lo), std::max(result->hi, next->hi)};
    else if (next->hi - next->lo > result->hi - result->lo)
      result = next;
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

static constexpr StringLiteral firstKey = "0", endOfKeys = "Lk";

/// "max(a, b)" without `neutral`; `absorbing` alone if it is among them.
static std::string printChoice(StringRef function, ArrayRef<std::string> ends, StringRef neutral,
                               StringRef absorbing) {
  SmallVector<std::string> kept;
  for (const std::string &end : ends) {
    if (end == absorbing)
      return end;
    if (end != neutral && !llvm::is_contained(kept, end))
      kept.push_back(end);
  }
  if (kept.empty())
    return neutral.str();
  return kept.size() == 1 ? kept.front() : (function + "(" + llvm::join(kept, ", ") + ")").str();
}

std::pair<std::string, std::string> KeyInterval::printEnds(ValueNamer name) const {
  switch (kind) {
  case Kind::From:
    return {bound.str(name), endOfKeys.str()};
  case Kind::Below:
    return {firstKey.str(), bound.str(name)};
  case Kind::None:
    return {firstKey.str(), firstKey.str()};
  case Kind::Where:
    return {firstKey.str(), "Lk if " + condition.str(name)};
  case Kind::All:
  case Kind::Longest:
    return {firstKey.str(), endOfKeys.str()};
  default:
    break;
  }
  SmallVector<std::string> lows, highs;
  for (const KeyInterval &operand : operands) {
    auto [lo, hi] = operand.printEnds(name);
    lows.push_back(lo);
    highs.push_back(hi);
  }
  if (kind == Kind::Intersection)
    return {printChoice("max", lows, firstKey, ""), printChoice("min", highs, endOfKeys, "")};
  return {printChoice("min", lows, "", firstKey), printChoice("max", highs, "", endOfKeys)};
}

std::string KeyInterval::str(ValueNamer name) const {
  if (kind == Kind::None)
    return "none";
  if (kind == Kind::Longest) {
    std::string text;
    for (const KeyInterval &operand : operands)
      text += (text.empty() ? "" : " or ") + operand.str(name);
    return text;
  }
  auto [lo, hi] = printEnds(name);
  return "[" + lo + ", " + hi + ")";
}
