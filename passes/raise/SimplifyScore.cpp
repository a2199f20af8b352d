#include "passes/raise/SimplifyScore.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "passes/mask/FloatChoice.h"
#include "passes/mask/MaskPredicate.h"
#include "passes/raise/ScoreConditions.h"

using namespace mlir;
using namespace fovea;

static bool isNegativeInfinity(Value value) {
  APFloat number(0.0);
  return matchPattern(value, m_ConstantFloat(&number)) && number.isInfinity() &&
         number.isNegative();
}

namespace {
/// Splits a score into the conditions under which it is not -inf and what it is then.
class MaskSplitter {
public:
  explicit MaskSplitter(Region &score) : score(score), builder(score.getContext()) {}

  /// The score without its masks; conditions are collected.
  Value split(Value value);
  SmallVector<ScoreCondition> conditions;

private:
  Value splitChoice(Value value);
  bool isMovable(Value condition) { return !dependsOn(condition, score.getArgument(0), score); }
  Region &score;
  OpBuilder builder;
};
} // namespace

/// What a float that is either -inf or one other constant is where it is not -inf; null if it is
/// anything else.
Value MaskSplitter::splitChoice(Value value) {
  auto choices = readTwoChoices(value, score);
  if (!choices)
    return Value();
  auto isMasked = [](const FloatChoice &choice) {
    return choice.value.isInfinity() && choice.value.isNegative();
  };
  const FloatChoice *masked = llvm::find_if(*choices, isMasked);
  const FloatChoice *other = llvm::find_if_not(*choices, isMasked);
  if (masked == choices->end() || other == choices->end() || other->value.isNaN())
    return Value();
  conditions.push_back(emitCondition(other->when, value.getDefiningOp(), score));
  builder.setInsertionPointAfterValue(value);
  return arith::ConstantOp::create(builder, value.getLoc(),
                                   FloatAttr::get(value.getType(), other->value));
}

Value MaskSplitter::split(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || op->getParentRegion() != &score)
    return value;
  if (Value constant = splitChoice(value))
    return constant;
  if (auto select = dyn_cast<arith::SelectOp>(op)) {
    bool trueIsMasked = isNegativeInfinity(select.getTrueValue());
    bool falseIsMasked = isNegativeInfinity(select.getFalseValue());
    if (trueIsMasked == falseIsMasked || !isMovable(select.getCondition()))
      return value;
    conditions.push_back({select.getCondition(), trueIsMasked});
    return split(trueIsMasked ? select.getFalseValue() : select.getTrueValue());
  }
  // Sums, and products with positive constants, are -inf where one operand is.
  SmallVector<unsigned> followed;
  if (isa<arith::AddFOp>(op))
    followed = {0, 1};
  else if (isa<arith::ExtFOp, arith::TruncFOp>(op))
    followed = {0};
  else if (isa<arith::MulFOp, arith::DivFOp>(op)) {
    std::optional<double> factor = getConstantFloat(op->getOperand(1));
    if (factor && *factor > 0 && std::isfinite(*factor))
      followed = {0};
  }
  SmallVector<Value> operands(op->getOperands());
  for (unsigned i : followed)
    operands[i] = split(operands[i]);
  if (llvm::equal(operands, op->getOperands()))
    return value;
  // x + 0, which is what is left of an additive mask.
  for (unsigned i : {0, 1})
    if (isa<arith::AddFOp>(op) && matchPattern(operands[i], m_AnyZeroFloat()))
      return operands[1 - i];
  builder.setInsertionPoint(op);
  Operation *clone = builder.clone(*op);
  clone->setOperands(operands);
  return clone->getResult(0);
}

void fovea::simplifyScore(attn::AttentionOp op) {
  if (!op.hasScore())
    return;
  MaskSplitter splitter(op.getScore());
  Value unmasked = splitter.split(op.getScore().front().getTerminator()->getOperand(0));
  setScore(op, unmasked, splitter.conditions);
}
