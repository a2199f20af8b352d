// Raises the ops around a softmax to attn.attention. The softmax is the anchor: the expression of
// one score is read back through whatever comes before it (SoftmaxMatch), the contractions on both
// sides are found and their dims labelled (AttentionMatch), and the op is built (RaiseAttention).
// Scale, masks and biases all start out in the score region; simplifyScore moves what has a place
// of its own there.
#include "passes/Passes.h"
#include "passes/Report.h"
#include "passes/raise/DeferredDivision.h"
#include "passes/raise/RaiseAttention.h"
#include "passes/raise/SimplifyScore.h"
#include "passes/raise/UnnormalizedWeights.h"
#include "passes/raise/WeightSlices.h"
#include "passes/raise/WeightSums.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_FUSEATTENTIONPASS
#include "passes/Passes.h.inc"
} // namespace fovea

using namespace fovea;

/// Builds the attention for a softmax, or says why not.
static attn::AttentionOp raise(SoftmaxMatch &match, llvm::DenseSet<Operation *> &erased,
                               std::string &why) {
  std::optional<ScoreContraction> scores = findScoreContraction(match, why);
  if (!scores)
    return {};
  std::optional<ValueContraction> values = findValueContraction(match, why);
  if (!values)
    return {};
  std::optional<AttentionPlan> plan = planAttention(match, *scores, *values, why);
  if (!plan || failed(findWeightUses(*plan, *values, why)))
    return {};
  Operation *contraction = values->contraction.op;
  OpBuilder builder(contraction);
  Type element = unifyElementTypes(builder, *plan, *values);
  attn::AttentionOp op = createAttention(builder, match.weights.getLoc(), *plan, element);
  match.region.reset(); // it uses what is now to be erased
  replaceWithAttention(*plan, *values, op, erased);
  return op;
}

namespace {
struct FuseAttentionPass : fovea::impl::FuseAttentionPassBase<FuseAttentionPass> {
  using Base::Base;
  void runOnOperation() override {
    divideWeightsFirst(getOperation());
    sliceScoresFirst(getOperation());
    splitWeightSums(getOperation());
    forEachSoftmax(getOperation(), [](SoftmaxMatch &match, llvm::DenseSet<Operation *> &erased) {
      Operation *softmax = match.weights.getDefiningOp();
      std::string why;
      if (attn::AttentionOp attention = raise(match, erased, why)) {
        simplifyScore(attention);
        fovea::remark(attention, "attention", "raised matmul, softmax, matmul to one attention");
      } else {
        fovea::remark(softmax, "attention", "this softmax stays: " + why,
                      weighsValues(match.weights) ? Shortfall::NotFused : Shortfall::None);
      }
    });
    remarkOtherDivisions(getOperation());
    remarkUnnormalizedWeights(getOperation());
  }
};
} // namespace
