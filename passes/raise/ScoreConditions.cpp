#include "passes/raise/ScoreConditions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "passes/mask/MaskPredicate.h"

using namespace mlir;
using namespace fovea;

std::optional<double> fovea::getConstantFloat(Value value) {
  APFloat number(0.0);
  if (!matchPattern(value, m_ConstantFloat(&number)))
    return std::nullopt;
  bool losesInfo = false;
  number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &losesInfo);
  return number.convertToDouble();
}

std::optional<SmallVector<FloatChoice>> fovea::readTwoChoices(Value value, Region &score) {
  auto read = [&](Value condition) { return analyzePredicate(condition, score); };
  auto choices = readFloatChoices(value, read);
  if (!choices || choices->size() != 2 || dependsOn(value, score.getArgument(0), score))
    return std::nullopt;
  return choices;
}

ScoreCondition fovea::emitCondition(const MaskPredicate &predicate, Operation *op, Region &score) {
  OpBuilder builder(op->getContext());
  builder.setInsertionPointAfter(op);
  IRMapping arguments;
  arguments.map(score.getArguments(), score.getArguments());
  PredicateEmitter emitter(builder, op->getLoc(), score, arguments);
  return {emitter.emit(predicate), false};
}

/// Adds the conditions to the mask region, which is created if there is none.
static void addToMask(attn::AttentionOp op, ArrayRef<ScoreCondition> conditions) {
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
  for (ScoreCondition condition : conditions) {
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

void fovea::setScore(attn::AttentionOp op, Value result, ArrayRef<ScoreCondition> conditions) {
  Region &score = op.getScore();
  if (!conditions.empty()) {
    addToMask(op, conditions);
    score.front().getTerminator()->setOperand(0, result);
  }
  eraseUnused(score);
  while (foldFactor(op)) {
  }
  if (score.front().getTerminator()->getOperand(0) == score.getArgument(0)) {
    score.dropAllReferences();
    score.getBlocks().clear();
  }
}
