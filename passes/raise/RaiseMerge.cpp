// Raises two attentions over disjoint keys whose outputs are merged by their log-sum-exps to one
// attention over all keys. The keys are two adjacent parts of one tensor, or the same tensor under
// two masks of which never both let a pair through. Where a row sees no key in either part, the
// merge gives NaN and the attention zeros (attention_s4).
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/IR/Iterators.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/Passes.h"
#include "passes/Report.h"
#include "passes/raise/MergePairs.h"
#include "passes/raise/MergedRegions.h"
#include "passes/tensors/DimSizes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_RAISEMERGEPASS
#include "passes/Passes.h.inc"
} // namespace fovea

using namespace fovea;
using attn::AttentionOp;

static std::string findObstacle(AttentionOp (&parts)[2]) {
  AttentionOp a = parts[0], b = parts[1];
  if (a.getQuery() != b.getQuery())
    return "their queries differ";
  if (a.getScaleAttr() != b.getScaleAttr())
    return "their scales differ";
  for (AttentionOp part : parts) {
    if (part.getSeed() || part.hasSink() || part.getInits().size() != 2)
      return "one has dropout, a sink or other results";
    if (part.getQueryPermAttr() || part.getKeyPermAttr() || part.getValuePermAttr() ||
        part.getOutputPermAttr())
      return "one has operands in another order";
  }
  if (a->getBlock() != b->getBlock())
    return "they are in different loops";
  return "";
}

/// Whether row r is at one position in both.
static bool haveSamePositions(AttentionOp (&parts)[2]) {
  AttentionOp a = parts[0], b = parts[1];
  if (a.getQueryOffset() || b.getQueryOffset())
    return a.getQueryOffset() == b.getQueryOffset();
  return a.getAlignment() == b.getAlignment() && (a.getAlignment() == attn::Alignment::TopLeft ||
                                                  haveEqualSizes(a.getKey(), 2, b.getKey(), 2));
}

/// Creates the merged op, at first without regions. `shift` becomes what leads from positions of
/// the first part to those of the second, if anything does.
static AttentionOp createMerged(OpBuilder &builder, Location loc, AttentionOp (&parts)[2],
                                const MergedKeys &keys, bool withLse, Value &shift) {
  bool arePlacedAlike = haveSamePositions(parts);
  bool seesPositions =
      llvm::any_of(parts, [](AttentionOp part) { return part.hasMask() || part.hasScore(); });
  Value offset = parts[0].getQueryOffset();
  if (seesPositions && (keys.split || !arePlacedAlike)) {
    Value first[2];
    for (int part : {0, 1})
      first[part] =
          getValueOrCreateConstantIndexOp(builder, loc, parts[part].getFirstPosition(builder));
    offset = first[0];
    if (!arePlacedAlike)
      shift = builder.createOrFold<arith::SubIOp>(loc, first[1], first[0]);
  }
  SmallVector<Value> inits{parts[0].getInits().front()};
  if (withLse)
    inits.push_back(parts[0].getInits().back());
  return AttentionOp::create(
      builder, loc, ValueRange(inits).getTypes(), parts[0].getQuery(), keys.key, keys.value, inits,
      offset, /*seed=*/Value(), /*dropout_counter=*/ValueRange(), parts[0].getScaleAttr(),
      parts[0].getAlignment(), nullptr, nullptr, nullptr, nullptr,
      /*dropout=*/FloatAttr(), /*fill=*/FloatAttr(), /*with_weights=*/false, withLse,
      /*column_chunk=*/nullptr);
}

/// Whether `combined` is as large as a result of the attentions, no part of it.
static bool isWhole(Value combined, Value result) {
  return llvm::all_of(llvm::seq(cast<RankedTensorType>(result.getType()).getRank()),
                      [&](int64_t dim) { return haveEqualSizes(combined, dim, result, dim); });
}

/// Merges a pair, or says why not.
static bool raise(MergePair pair, std::string &why) {
  AttentionOp(&parts)[2] = pair.parts;
  if (!pair.output) {
    why = "they are combined by other weights than those of their log-sum-exps";
    return false;
  }
  if (!isWhole(pair.output, parts[0]->getResult(0)) ||
      (pair.lse && !isWhole(pair.lse, parts[0]->getResult(1)))) {
    why = "a part of their results is combined";
    return false;
  }
  if (why = findObstacle(parts); !why.empty())
    return false;
  if (areUsedElsewhere(pair)) {
    why = "a result of one of them is used by itself";
    return false;
  }
  // After the operands of both and before what they are merged into.
  AttentionOp last = parts[0]->isBeforeInBlock(parts[1]) ? parts[1] : parts[0];
  OpBuilder builder(last->getContext());
  builder.setInsertionPointAfter(last);
  std::optional<MergedKeys> keys = joinKeys(builder, parts, *parts[0]->getParentRegion());
  if (!keys) {
    why = "their keys and values are not adjacent parts of one tensor";
    return false;
  }
  if (!keys->split && !areSameRegions(parts[0].getScore(), parts[1].getScore())) {
    why = "their score functions differ";
    return false;
  }
  Value shift;
  AttentionOp merged =
      createMerged(builder, last.getLoc(), parts, *keys, pair.lse != nullptr, shift);
  RegionMerger regions(parts, *keys, merged, shift);
  if (!regions.mergeMasks()) {
    merged->erase();
    why = "a pair of a query and a key may be in both";
    return false;
  }
  regions.mergeScores();
  pair.output.replaceAllUsesWith(merged->getResult(0));
  if (pair.lse)
    pair.lse.replaceAllUsesWith(merged->getResult(1));
  fovea::remark(merged, "attention", "merged two attentions over disjoint keys to one");
  return true;
}

static void eraseDead(Operation *function) {
  function->walk<WalkOrder::PostOrder, ReverseIterator>([](Operation *op) {
    if (isOpTriviallyDead(op))
      op->erase();
  });
}

namespace {
struct RaiseMergePass : fovea::impl::RaiseMergePassBase<RaiseMergePass> {
  using Base::Base;
  void runOnOperation() override {
    // A merged attention may be part of another merge.
    std::vector<std::pair<Operation *, std::string>> obstacles;
    for (bool changed = true; changed;) {
      changed = false;
      obstacles.clear();
      for (const MergePair &pair : findMergePairs(getOperation())) {
        std::string why;
        if (raise(pair, why)) {
          changed = true;
          eraseDead(getOperation());
          break;
        }
        obstacles.emplace_back(AttentionOp(pair.parts[0]), why);
      }
    }
    for (auto &[op, why] : obstacles)
      fovea::remark(op, "attention", "two attentions that are combined stay two: " + why);
  }
};
} // namespace