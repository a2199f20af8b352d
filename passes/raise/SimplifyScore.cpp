#include "passes/raise/SimplifyScore.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "passes/mask/FloatChoice.h"
#include "passes/mask/MaskPredicate.h"

using namespace mlir;
using namespace fovea;

static bool isNegativeInfinity(Value value) {
  APFloat number(0.0);
  return matchPattern(value, m_ConstantFloat(&number)) && number.isInfinity() &&
         number.isNegative();
}

static std::optional<double> getConstantFloat(Value value) {
  APFloat number(0.0);
  if (!matchPattern(value, m_ConstantFloat(&number)))
    return std::nullopt;
  bool losesInfo = false;
  number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &losesInfo);
  return number.convertToDouble();
}

namespace {
/// A condition that a score needs in order not to be -inf.
struct Condition {
  Value value;
  bool negated;
};

/// Splits a score into the conditions under which it is not -inf and what it is then.
class MaskSplitter {
public:
  explicit MaskSplitter(Region &score) : score(score), builder(score.getContext()) {}

  /// The score without its masks; conditions are collected.
  Value split(Value value);
  SmallVector<Condition> conditions;

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
  auto read = [&](Value condition) { return analyzePredicate(condition, score); };
  auto choices = readFloatChoices(value, read);
  if (!choices || choices->size() != 2 || dependsOn(value, score.getArgument(0), score))
    return Value();
  auto isMasked = [](const FloatChoice &choice) {
    return choice.value.isInfinity() && choice.value.isNegative();
  };
  const FloatChoice *masked = llvm::find_if(*choices, isMasked);
  const FloatChoice *other = llvm::find_if_not(*choices, isMasked);
  if (masked == choices->end() || other == choices->end() || other->value.isNaN())
    return Value();
  builder.setInsertionPointAfterValue(value);
  IRMapping arguments;
  arguments.map(score.getArguments(), score.getArguments());
  PredicateEmitter emitter(builder, value.getLoc(), score, arguments);
  conditions.push_back({emitter.emit(other->when), false});
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

/// Adds the conditions to the mask region, which is created if there is none.
static void addToMask(attn::AttentionOp op, ArrayRef<Condition> conditions) {
  Region &score = op.getScore(), &mask = op.getMask();
  Location loc = op.getLoc();
  OpBuilder builder(op.getContext());
  Value allowed;
  if (mask.empty()) {
    Block &block = mask.emplaceBlock();
    for (int i = 0; i < 4; ++i)
      block.addArgument(builder.getIndexType(), loc);
    builder.setInsertionPointToEnd(&block);
  } else {
    Operation *yield = mask.front().getTerminator();
    builder.setInsertionPoint(yield);
    allowed = yield->getOperand(0);
    yield->erase();
  }
  IRMapping mapping;
  mapping.map(score.getArguments().drop_front(), mask.getArguments());
  PredicateEmitter emitter(builder, loc, score, mapping);
  for (Condition condition : conditions) {
    Value value = emitter.emit(condition.value);
    if (condition.negated) {
      Value yes = arith::ConstantIntOp::create(builder, loc, 1, /*width=*/1);
      value = arith::XOrIOp::create(builder, loc, value, yes);
    }
    allowed = allowed ? arith::AndIOp::create(builder, loc, allowed, value).getResult() : value;
  }
  attn::YieldOp::create(builder, loc, allowed);
}

/// Moves one constant factor of the score argument, if nothing else uses the argument.
static bool foldFactor(attn::AttentionOp op) {
  BlockArgument score = op.getScore().getArgument(0);
  if (!score.hasOneUse() || !op.getScale())
    return false;
  Operation *user = *score.getUsers().begin();
  std::optional<double> factor;
  if (isa<arith::MulFOp>(user))
    factor = getConstantFloat(user->getOperand(user->getOperand(0) == score));
  else if (isa<arith::DivFOp>(user) && user->getOperand(0) == score)
    factor = getConstantFloat(user->getOperand(1));
  if (!factor || !std::isfinite(*factor) || *factor == 0)
    return false;
  double scale = op.getScale()->convertToDouble();
  op.setScale(APFloat(isa<arith::MulFOp>(user) ? scale * *factor : scale / *factor));
  user->getResult(0).replaceAllUsesWith(score);
  user->erase();
  return true;
}

static void eraseUnused(Region &region) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(region.front())))
    if (isOpTriviallyDead(&op))
      op.erase();
}

void fovea::simplifyScore(attn::AttentionOp op) {
  if (!op.hasScore())
    return;
  Region &score = op.getScore();
  Operation *yield = score.front().getTerminator();
  MaskSplitter splitter(score);
  Value unmasked = splitter.split(yield->getOperand(0));
  if (!splitter.conditions.empty()) {
    addToMask(op, splitter.conditions);
    yield->setOperand(0, unmasked);
  }
  eraseUnused(score);
  while (foldFactor(op)) {
  }
  if (score.front().getTerminator()->getOperand(0) == score.getArgument(0)) {
    score.dropAllReferences();
    score.getBlocks().clear();
  }
}
