#include "passes/mask/FloatChoice.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace fovea;
using Choices = SmallVector<FloatChoice>;

static constexpr size_t maxChoices = 4;
static constexpr int maxDepth = 16;

/// Adds a choice to those of the same value.
static void add(Choices &choices, MaskPredicate when, const APFloat &value) {
  if (when.isFalse())
    return;
  for (FloatChoice &known : choices)
    if (known.value.bitwiseIsEqual(value)) {
      known.when = MaskPredicate::disjunction({known.when, std::move(when)});
      return;
    }
  choices.push_back({std::move(when), value});
}

static std::optional<Choices> bounded(Choices choices) {
  if (choices.empty() || choices.size() > maxChoices)
    return std::nullopt;
  return choices;
}

/// The op's value at constant operands; none for ops that are not known.
static std::optional<APFloat> fold(Operation *op, const APFloat &a, const APFloat &b) {
  constexpr auto mode = APFloat::rmNearestTiesToEven;
  APFloat result = a;
  if (isa<arith::AddFOp>(op))
    result.add(b, mode);
  else if (isa<arith::SubFOp>(op))
    result.subtract(b, mode);
  else if (isa<arith::MulFOp>(op))
    result.multiply(b, mode);
  else if (isa<arith::DivFOp>(op))
    result.divide(b, mode);
  else if (isa<arith::MinimumFOp>(op))
    result = minimum(a, b);
  else if (isa<arith::MaximumFOp>(op))
    result = maximum(a, b);
  else
    return std::nullopt;
  return result;
}

/// Logarithms are known of 0 and 1 alone, without rounding.
static std::optional<APFloat> fold(Operation *op, const APFloat &a) {
  const llvm::fltSemantics &semantics = a.getSemantics();
  APFloat result = a;
  if (isa<arith::NegFOp>(op)) {
    result.changeSign();
  } else if (isa<math::LogOp>(op) && a.isZero()) {
    result = APFloat::getInf(semantics, /*Negative=*/true);
  } else if (isa<math::LogOp>(op) && a == APFloat::getOne(semantics)) {
    result = APFloat::getZero(semantics);
  } else if (isa<arith::ExtFOp, arith::TruncFOp>(op)) {
    bool losesInfo = false;
    result.convert(cast<FloatType>(op->getResult(0).getType()).getFloatSemantics(),
                   APFloat::rmNearestTiesToEven, &losesInfo);
  } else {
    return std::nullopt;
  }
  return result;
}

namespace {
class ChoiceReader {
public:
  explicit ChoiceReader(function_ref<MaskPredicate(Value)> read) : readPredicate(read) {}
  std::optional<Choices> read(Value value, int depth);

private:
  std::optional<Choices> readSelect(arith::SelectOp select, int depth);
  std::optional<Choices> readArithmetic(Operation *op, int depth);
  function_ref<MaskPredicate(Value)> readPredicate;
};
} // namespace

std::optional<Choices> ChoiceReader::readSelect(arith::SelectOp select, int depth) {
  auto yes = read(select.getTrueValue(), depth), no = read(select.getFalseValue(), depth);
  if (!yes || !no)
    return std::nullopt;
  MaskPredicate condition = readPredicate(select.getCondition()), negation = condition.negation();
  Choices choices;
  for (const FloatChoice &choice : *yes)
    add(choices, MaskPredicate::conjunction({condition, choice.when}), choice.value);
  for (const FloatChoice &choice : *no)
    add(choices, MaskPredicate::conjunction({negation, choice.when}), choice.value);
  return bounded(std::move(choices));
}

std::optional<Choices> ChoiceReader::readArithmetic(Operation *op, int depth) {
  unsigned count = op->getNumOperands();
  if (count == 0 || count > 2 || op->getNumResults() != 1)
    return std::nullopt;
  auto lhs = read(op->getOperand(0), depth), rhs = read(op->getOperand(count - 1), depth);
  if (!lhs || !rhs)
    return std::nullopt;
  Choices choices;
  for (const FloatChoice &a : *lhs)
    for (const FloatChoice &b : *rhs) {
      std::optional<APFloat> value = count == 1 ? fold(op, a.value) : fold(op, a.value, b.value);
      if (!value)
        return std::nullopt;
      if (count == 2)
        add(choices, MaskPredicate::conjunction({a.when, b.when}), *value);
      else if (&b == rhs->begin())
        add(choices, a.when, *value);
    }
  return bounded(std::move(choices));
}

std::optional<Choices> ChoiceReader::read(Value value, int depth) {
  auto type = dyn_cast<FloatType>(value.getType());
  Operation *op = value.getDefiningOp();
  APFloat constant(0.0);
  if (!type || !op || depth == 0)
    return std::nullopt;
  if (matchPattern(value, m_ConstantFloat(&constant)))
    return Choices{{MaskPredicate::constant(true), constant}};
  if (auto cast = dyn_cast<arith::UIToFPOp>(op)) {
    if (!cast.getIn().getType().isInteger(1))
      return std::nullopt;
    MaskPredicate one = readPredicate(cast.getIn());
    Choices choices;
    add(choices, one, APFloat::getOne(type.getFloatSemantics()));
    add(choices, one.negation(), APFloat::getZero(type.getFloatSemantics()));
    return choices;
  }
  if (auto select = dyn_cast<arith::SelectOp>(op))
    return readSelect(select, depth - 1);
  return readArithmetic(op, depth - 1);
}

std::optional<SmallVector<FloatChoice>>
fovea::readFloatChoices(Value value, function_ref<MaskPredicate(Value)> read) {
  return ChoiceReader(read).read(value, maxDepth);
}
