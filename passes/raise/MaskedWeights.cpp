// Weights of a softmax that are set to 0 where the scores are masked already, as encoders for
// speech do, or in rows without a key: they differ from the softmax's in such rows alone, whose
// weights attention makes 0 by itself.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "passes/mask/MaskPredicate.h"
#include "passes/raise/NormalizedMatcher.h"
#include "passes/raise/ScoreConditions.h"

using namespace mlir;
using namespace fovea;

namespace {
/// A condition, or its opposite.
struct Condition {
  Condition(Value value, bool holdsWhereTrue) : value(value), holdsWhereTrue(holdsWhereTrue) {
    while (auto flip = this->value.getDefiningOp<arith::XOrIOp>()) {
      if (!matchPattern(flip.getRhs(), m_One()))
        return;
      this->value = flip.getLhs();
      this->holdsWhereTrue = !this->holdsWhereTrue;
    }
  }

  Value value;
  bool holdsWhereTrue;
};

/// `score` where the condition holds, else a number that hides it.
struct MaskedScore {
  Condition seen;
  Value score;
};
} // namespace

static bool hides(std::optional<double> number) {
  return number && *number <= attn::AttentionOp::largestFill;
}

static std::optional<MaskedScore> matchMaskedScore(OpBuilder &builder, Value score) {
  if (Operation *cast = score.getDefiningOp();
      isa_and_nonnull<arith::ExtFOp, arith::TruncFOp>(cast)) {
    std::optional<MaskedScore> inner = matchMaskedScore(builder, cast->getOperand(0));
    if (inner) {
      IRMapping mapping;
      mapping.map(cast->getOperand(0), inner->score);
      inner->score = builder.clone(*cast, mapping)->getResult(0);
    }
    return inner;
  }
  auto select = score.getDefiningOp<arith::SelectOp>();
  if (!select)
    return std::nullopt;
  std::optional<double> ifTrue = getConstantFloat(select.getTrueValue());
  std::optional<double> ifFalse = getConstantFloat(select.getFalseValue());
  if (hides(ifTrue) == hides(ifFalse))
    return std::nullopt;
  bool seenWhereTrue = hides(ifFalse);
  return MaskedScore{Condition(select.getCondition(), seenWhereTrue),
                     seenWhereTrue ? select.getTrueValue() : select.getFalseValue()};
}

static bool isSame(const Condition &a, const Condition &b, Region &region) {
  if (computedAlike(a.value, b.value))
    return a.holdsWhereTrue == b.holdsWhereTrue;
  auto predicate = [&](const Condition &condition) {
    MaskPredicate holds = analyzePredicate(condition.value, region);
    return condition.holdsWhereTrue ? holds : holds.negation();
  };
  return predicate(a) == predicate(b);
}

/// Whether the weights that are dropped are those of rows of which all scores equal -inf, and none
/// differs from it.
bool NormalizedMatcher::dropsHiddenRows(Value score, Value kept, bool keepsWhereTrue,
                                        int64_t keyDim) {
  Condition row(kept, keepsWhereTrue);
  Operation *combiner = nullptr;
  Value init;
  Value element = readReductionOver(row.value, keyDim, combiner, init);
  auto compare = element ? element.getDefiningOp<arith::CmpFOp>() : arith::CmpFOp();
  if (!compare || !matchPattern(compare.getRhs(), m_NegInfFloat()) ||
      !computedAlike(compare.getLhs(), score))
    return false;
  if (row.holdsWhereTrue)
    return isa<arith::OrIOp>(combiner) && compare.getPredicate() == arith::CmpFPredicate::UNE;
  return isa<arith::AndIOp>(combiner) && compare.getPredicate() == arith::CmpFPredicate::OEQ;
}

std::optional<Normalized> NormalizedMatcher::matchMaskedWeights(Value root) {
  bool keepsWhereTrue = true;
  auto [weight, kept] = matchKeptWhere(root, keepsWhereTrue);
  std::optional<Normalized> inner = weight ? matchSoftmaxOpElement(weight) : std::nullopt;
  if (!inner)
    return std::nullopt;
  std::optional<MaskedScore> masked = matchMaskedScore(builder, inner->score);
  Region &region = *builder.getBlock()->getParent();
  if (masked && isSame(Condition(kept, keepsWhereTrue), masked->seen, region))
    return Normalized{emitMasked(masked->score, kept, keepsWhereTrue), inner->keyDim, inner->sink};
  return dropsHiddenRows(inner->score, kept, keepsWhereTrue, inner->keyDim) ? inner : std::nullopt;
}
