#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/Report.h"
#include "passes/mask/FloatChoice.h"
#include "passes/mask/MaskPredicate.h"
#include "passes/raise/ScoreConditions.h"
#include "passes/raise/SimplifyScore.h"

using namespace mlir;
using namespace fovea;

namespace {
/// A score that is `fill` unless conditions hold.
struct FilledScore {
  Value score;
  double fill;
};

/// A number that is 0, under the condition of `none`, or a fill.
struct AddedFill {
  FloatChoice none;
  double fill;
};

/// Splits a score into the conditions under which it is not one number, and what it is then.
class FillSplitter {
public:
  explicit FillSplitter(Region &region) : region(region), builder(region.getContext()) {}

  std::optional<FilledScore> split(Value value);
  SmallVector<ScoreCondition> conditions;

private:
  std::optional<FilledScore> splitSelect(arith::SelectOp select);
  std::optional<FilledScore> splitScaled(Operation *op, double factor);
  std::optional<AddedFill> readAddedFill(Value number, double sign);
  std::optional<FilledScore> splitBlend(Value score, Value fill, double sign);
  std::optional<FilledScore> splitAbsorbed(Operation *sum, unsigned scoreNumber, double sign);
  FilledScore withInner(FilledScore result);
  Region &region;
  OpBuilder builder;
};
} // namespace

static bool isFill(std::optional<double> number) {
  return number && std::isfinite(*number) && *number <= attn::AttentionOp::largestFill;
}

std::optional<FilledScore> FillSplitter::splitSelect(arith::SelectOp select) {
  std::optional<double> ifTrue = getConstantFloat(select.getTrueValue());
  std::optional<double> ifFalse = getConstantFloat(select.getFalseValue());
  if (isFill(ifTrue) == isFill(ifFalse) ||
      dependsOn(select.getCondition(), region.getArgument(0), region))
    return std::nullopt;
  conditions.push_back({select.getCondition(), isFill(ifTrue)});
  return withInner(isFill(ifTrue) ? FilledScore{select.getFalseValue(), *ifTrue}
                                  : FilledScore{select.getTrueValue(), *ifFalse});
}

/// The score behind fills of one number, one around the other.
FilledScore FillSplitter::withInner(FilledScore result) {
  size_t known = conditions.size();
  if (auto inner = split(result.score); inner && inner->fill == result.fill)
    return *inner;
  conditions.truncate(known);
  return result;
}

std::optional<AddedFill> FillSplitter::readAddedFill(Value number, double sign) {
  auto choices = readTwoChoices(number, region);
  if (!choices)
    return std::nullopt;
  bool zeroFirst = choices->front().value.isZero();
  const FloatChoice &none = zeroFirst ? choices->front() : choices->back();
  const FloatChoice &some = zeroFirst ? choices->back() : choices->front();
  double fill = sign * some.value.convertToDouble();
  if (!none.value.isZero() || !isFill(fill))
    return std::nullopt;
  return AddedFill{none, fill};
}

/// `x + sign * f` with f 0, or so low that each x below 2^95 is lost in it: the lowest float, as
/// checkpoints' code has it. The sum is then f, as if that were chosen.
std::optional<FilledScore> FillSplitter::splitAbsorbed(Operation *sum, unsigned scoreNumber,
                                                       double sign) {
  constexpr double absorbs = -0x1p120;
  auto added = readAddedFill(sum->getOperand(1 - scoreNumber), sign);
  if (!added || added->fill > absorbs)
    return std::nullopt;
  conditions.push_back(emitCondition(added->none.when, sum, region));
  return withInner({sum->getOperand(scoreNumber), added->fill});
}

std::optional<FilledScore> FillSplitter::splitScaled(Operation *op, double factor) {
  std::optional<FilledScore> inner = split(op->getOperand(0));
  if (!inner || !isFill(inner->fill * factor))
    return std::nullopt;
  builder.setInsertionPoint(op);
  Operation *scaled = builder.clone(*op);
  scaled->setOperand(0, inner->score);
  return FilledScore{scaled->getResult(0), inner->fill * factor};
}

/// `x * c + sign * f` with c 1 where f is 0 and 0 where it is a fill, as GPT-2 has it.
std::optional<FilledScore> FillSplitter::splitBlend(Value score, Value fill, double sign) {
  auto product = score.getDefiningOp<arith::MulFOp>();
  auto added = product ? readAddedFill(fill, sign) : std::nullopt;
  if (!added)
    return std::nullopt;
  for (unsigned factor : {0, 1}) {
    auto keeps = readTwoChoices(product->getOperand(factor), region);
    if (!keeps || llvm::none_of(*keeps, [](auto &choice) { return choice.value.isZero(); }))
      continue;
    const FloatChoice *one = llvm::find_if(
        *keeps, [](const FloatChoice &choice) { return choice.value.convertToDouble() == 1; });
    if (one == keeps->end() || !(one->when == added->none.when))
      continue;
    conditions.push_back(emitCondition(added->none.when, product, region));
    return FilledScore{product->getOperand(1 - factor), added->fill};
  }
  return std::nullopt;
}

std::optional<FilledScore> FillSplitter::split(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || op->getParentRegion() != &region)
    return std::nullopt;
  if (auto select = dyn_cast<arith::SelectOp>(op))
    return splitSelect(select);
  if (isa<arith::ExtFOp>(op))
    return splitScaled(op, 1);
  if (isa<arith::SubFOp>(op)) {
    auto blend = splitBlend(op->getOperand(0), op->getOperand(1), -1);
    return blend ? blend : splitAbsorbed(op, 0, -1);
  }
  if (isa<arith::AddFOp>(op)) {
    for (unsigned score : {0, 1})
      if (auto blend = splitBlend(op->getOperand(score), op->getOperand(1 - score), 1))
        return blend;
    for (unsigned score : {0, 1})
      if (auto absorbed = splitAbsorbed(op, score, 1))
        return absorbed;
    return std::nullopt;
  }
  if (!isa<arith::MulFOp, arith::DivFOp>(op))
    return std::nullopt;
  std::optional<double> factor = getConstantFloat(op->getOperand(1));
  if (!factor || !(*factor > 0))
    return std::nullopt;
  return splitScaled(op, isa<arith::MulFOp>(op) ? *factor : 1 / *factor);
}

/// A number that is added to scores as if it were a mask, which hides nothing from a score that is
/// as large.
static void remarkAddedFill(attn::AttentionOp op) {
  op.getScore().walk([&](arith::AddFOp sum) {
    for (Value added : sum->getOperands()) {
      auto choices = readFloatChoices(
          added, [&](Value condition) { return analyzePredicate(condition, op.getScore()); });
      if (!choices || llvm::none_of(*choices, [](const FloatChoice &choice) {
            return isFill(choice.value.convertToDouble());
          }))
        continue;
      fovea::remark(op, "mask",
                    "no key is skipped: a finite number is added to scores, which a large score "
                    "outweighs; one that takes their place, or -inf, is a mask");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
}

void fovea::maskByFill(attn::AttentionOp op) {
  if (!op.hasScore() || op.hasMask())
    return;
  FillSplitter splitter(op.getScore());
  auto filled = splitter.split(op.getScore().front().getTerminator()->getOperand(0));
  if (!filled)
    return remarkAddedFill(op);
  op.setFill(APFloat(filled->fill));
  setScore(op, filled->score, splitter.conditions);
}
