// Raises two attentions over disjoint keys whose outputs are merged by their log-sum-exps to one
// attention over all keys. The keys are two adjacent parts of one tensor, or the same tensor under
// two masks of which never both let a pair through. Where a row sees no key in either part, the
// merge gives NaN and the attention zeros (attention_s4).
#include "dialect/AttnOps.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Iterators.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/Passes.h"
#include "passes/Report.h"
#include "passes/mask/MaskPredicate.h"
#include "passes/raise/MergeExpression.h"
#include "passes/tensors/DimSizes.h"
#include "passes/tensors/ElementReader.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_RAISEMERGEPASS
#include "passes/Passes.h.inc"
} // namespace fovea

using namespace fovea;
using attn::AttentionOp;

//===----------------------------------------------------------------------===//
// Finding merges
//===----------------------------------------------------------------------===//

namespace {
/// An elementwise tensor seen as a scalar expression of elements of two attentions' results.
struct MergeCandidate {
  Value result;
  AttentionOp parts[2];
  bool isOutput = false, isLse = false; // the merged ones
};

struct Pair {
  AttentionOp parts[2];
  Value output, lse; // null if not found
};
} // namespace

static bool isElementwise(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return op->getNumResults() == 1 && isa<RankedTensorType>(op->getResult(0).getType()) &&
         ((linalgOp && linalgOp.getNumReductionLoops() == 0) ||
          OpTrait::hasElementwiseMappableTraits(op));
}

/// The elements of attentions' results that `value` is computed from.
static SetVector<Value> attentionElements(Value value) {
  SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.inclusive = true;
  (void)getBackwardSlice(value, &slice, options);
  SetVector<Value> elements;
  for (Operation *op : slice)
    if (auto extract = dyn_cast<tensor::ExtractOp>(op))
      if (extract.getTensor().getDefiningOp<AttentionOp>())
        elements.insert(extract);
  return elements;
}

/// Deals the elements out to two attentions: none if they are others than the output at all of
/// `indices` and the log-sum-exp at the first three, or lack one of those.
static std::optional<MergeLeaves> findLeaves(const SetVector<Value> &elements,
                                             ArrayRef<Value> indices, MergeCandidate &candidate) {
  MergeLeaves leaves{};
  for (Value element : elements) {
    auto extract = element.getDefiningOp<tensor::ExtractOp>();
    auto attention = extract.getTensor().getDefiningOp<AttentionOp>();
    AttentionOp *part = llvm::find_if(
        candidate.parts, [&](AttentionOp known) { return !known || known == attention; });
    if (part == std::end(candidate.parts))
      return std::nullopt;
    *part = attention;
    bool isOutput = cast<OpResult>(extract.getTensor()).getResultNumber() == 0;
    bool isLse = attention.getWithLse() && attention.getInits().size() == 2 && !isOutput;
    ArrayRef<Value> expected = isOutput ? indices : indices.take_front(3);
    if (!(isOutput || isLse) || !llvm::equal(extract.getIndices(), expected))
      return std::nullopt;
    (isOutput ? leaves.outputs : leaves.lses)[part - candidate.parts] = element;
  }
  if (!leaves.lses[0] || !leaves.lses[1])
    return std::nullopt;
  return leaves;
}

static std::optional<MergeCandidate> findCandidate(Operation *op) {
  if (!isElementwise(op))
    return std::nullopt;
  MergeCandidate candidate;
  candidate.result = op->getResult(0);
  auto type = cast<RankedTensorType>(candidate.result.getType());
  if (type.getRank() != 3 && type.getRank() != 4)
    return std::nullopt;
  Region region;
  Block &block = region.emplaceBlock();
  OpBuilder builder(op->getContext());
  builder.setInsertionPointToEnd(&block);
  ElementReader reader(builder, op->getLoc());
  SmallVector<Value> indices;
  for (int64_t size : type.getShape()) // dims of size 1 are read at 0 by some ops
    indices.push_back(size == 1 ? reader.constant(0)
                                : block.addArgument(builder.getIndexType(), op->getLoc()));
  Value element = reader.read(candidate.result, indices);
  auto leaves = findLeaves(attentionElements(element), indices, candidate);
  if (!leaves)
    return std::nullopt;
  bool hasOutputs = leaves->outputs[0] && leaves->outputs[1];
  candidate.isOutput = hasOutputs && isMergedOutput(element, *leaves);
  candidate.isLse = !leaves->outputs[0] && !leaves->outputs[1] && isMergedLse(element, *leaves);
  if (!hasOutputs && !candidate.isLse)
    return std::nullopt;
  return candidate;
}

/// Every two attentions that are combined somewhere, the last first.
static std::vector<Pair> findPairs(Operation *function) {
  SmallVector<Operation *> ops;
  int64_t attentions = 0;
  function->walk([&](Operation *op) {
    ops.push_back(op);
    if (auto attention = dyn_cast<AttentionOp>(op))
      attentions += attention.getWithLse();
  });
  std::vector<Pair> pairs;
  if (attentions < 2) // reading expressions costs time
    return pairs;
  for (Operation *op : llvm::reverse(ops)) {
    std::optional<MergeCandidate> candidate = findCandidate(op);
    if (!candidate)
      continue;
    auto isSame = [&](const Pair &pair) {
      return llvm::is_contained(pair.parts, candidate->parts[0]) &&
             llvm::is_contained(pair.parts, candidate->parts[1]);
    };
    auto pair = llvm::find_if(pairs, isSame);
    if (pair == pairs.end()) {
      pairs.push_back({{candidate->parts[0], candidate->parts[1]}, Value(), Value()});
      pair = pairs.end() - 1;
    }
    if (candidate->isOutput && !pair->output)
      pair->output = candidate->result;
    if (candidate->isLse && !pair->lse)
      pair->lse = candidate->result;
  }
  return pairs;
}

/// Whether results of the parts reach anything but the merged results.
static bool areUsedElsewhere(const Pair &pair) {
  SmallVector<Value> work;
  llvm::DenseSet<Value> seen;
  for (AttentionOp part : pair.parts)
    llvm::append_range(work, part->getResults());
  while (!work.empty()) {
    Value value = work.pop_back_val();
    if (value == pair.output || value == pair.lse || !seen.insert(value).second)
      continue;
    for (Operation *user : value.getUsers()) {
      if (user->getNumResults() == 0)
        return true;
      llvm::append_range(work, user->getResults());
    }
  }
  return false;
}

//===----------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------===//

namespace {
/// How the parts' keys make up the merged ones.
struct MergedKeys {
  Value key, value;
  Value split; // keys from here on are the second part's; null if both have all keys
};
} // namespace

static std::optional<LinearForm> formOf(OpFoldResult size, Region &region) {
  if (std::optional<int64_t> constant = getConstantIntValue(size))
    return LinearForm(*constant);
  return analyzeIndex(cast<Value>(size), region);
}

/// Joins two slices of one tensor that are adjacent along dim 2: the tensor, if they cover it.
static Value joinSlices(Value first, Value second, Region &region) {
  auto a = first.getDefiningOp<tensor::ExtractSliceOp>();
  auto b = second.getDefiningOp<tensor::ExtractSliceOp>();
  if (!a || !b || a.getSource() != b.getSource() || !a.hasUnitStride() || !b.hasUnitStride() ||
      a.getType().getRank() != 4 || a.getSourceType().getRank() != 4)
    return Value();
  for (int64_t dim : {0, 1, 3})
    if (!isConstantIntValue(a.getMixedOffsets()[dim], 0) ||
        !isConstantIntValue(b.getMixedOffsets()[dim], 0) ||
        a.getSourceType().getDimSize(dim) != a.getType().getDimSize(dim) ||
        !haveEqualSizes(first, dim, a.getSource(), dim) ||
        !haveEqualSizes(second, dim, b.getSource(), dim))
      return Value();
  OpBuilder builder(b);
  auto end = formOf(a.getMixedSizes()[2], region), begin = formOf(b.getMixedOffsets()[2], region);
  auto size = formOf(b.getMixedSizes()[2], region);
  auto whole = formOf(getDimSize(builder, b.getLoc(), b.getSource(), 2), region);
  bool covers = isConstantIntValue(a.getMixedOffsets()[2], 0) && end && begin && size && whole &&
                *end == *begin && *begin + *size == *whole;
  return covers ? a.getSource() : Value();
}

static std::optional<MergedKeys> joinKeys(OpBuilder &builder, AttentionOp (&parts)[2],
                                          Region &region) {
  if (parts[0].getKey() == parts[1].getKey() && parts[0].getValue() == parts[1].getValue())
    return MergedKeys{parts[0].getKey(), parts[0].getValue(), Value()};
  for (bool swapped : {false, true}) {
    AttentionOp first = parts[swapped], second = parts[!swapped];
    Value key = joinSlices(first.getKey(), second.getKey(), region);
    Value value = joinSlices(first.getValue(), second.getValue(), region);
    if (!key || !value)
      continue;
    if (swapped)
      std::swap(parts[0], parts[1]);
    OpFoldResult size = getDimSize(builder, first.getLoc(), first.getKey(), 2);
    return MergedKeys{key, value, getValueOrCreateConstantIndexOp(builder, first.getLoc(), size)};
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

namespace {
/// Builds the regions of the merged op. Its positions are those of the first part.
class RegionMerger {
public:
  RegionMerger(AttentionOp (&parts)[2], const MergedKeys &keys, AttentionOp merged, Value shift)
      : parts(parts), keys(keys), merged(merged), shift(shift) {}
  /// False if the masks may let a pair through twice.
  bool mergeMasks();
  void mergeScores();

private:
  Value cloneBody(OpBuilder &b, Region &from, int part, ValueRange args);
  Value isFirst(OpBuilder &b, Value j);

  AttentionOp (&parts)[2];
  const MergedKeys &keys;
  AttentionOp merged;
  Value shift; // from positions of the first part to those of the second; null if there is none
};
} // namespace

Value RegionMerger::isFirst(OpBuilder &b, Value j) {
  return arith::CmpIOp::create(b, merged.getLoc(), arith::CmpIPredicate::slt, j, keys.split);
}

/// Clones the body of one part's region at the merged op's arguments, the last two of which are
/// i and j.
Value RegionMerger::cloneBody(OpBuilder &b, Region &from, int part, ValueRange args) {
  Location loc = merged.getLoc();
  SmallVector<Value> own(args);
  if (part == 1 && shift)
    own[own.size() - 2] = arith::AddIOp::create(b, loc, own[own.size() - 2], shift);
  if (part == 1 && keys.split)
    own.back() = arith::SubIOp::create(b, loc, own.back(), keys.split);
  IRMapping mapping;
  mapping.map(from.getArguments(), own);
  for (Operation &op : from.front().without_terminator())
    b.clone(op, mapping);
  return mapping.lookupOrDefault(from.front().getTerminator()->getOperand(0));
}

bool RegionMerger::mergeMasks() {
  if (!parts[0].hasMask() && !parts[1].hasMask())
    return keys.split != nullptr;
  Location loc = merged.getLoc();
  Block &block = merged.getMask().emplaceBlock();
  OpBuilder b = OpBuilder::atBlockEnd(&block);
  for (int arg = 0; arg < 4; ++arg)
    block.addArgument(b.getIndexType(), loc);
  Value allowed[2];
  for (int part : {0, 1}) {
    if (parts[part].hasMask())
      allowed[part] = cloneBody(b, parts[part].getMask(), part, block.getArguments());
    else
      allowed[part] = arith::ConstantIntOp::create(b, loc, 1, /*width=*/1);
  }
  if (keys.split) {
    Value first = isFirst(b, block.getArgument(3));
    attn::YieldOp::create(
        b, loc, arith::SelectOp::create(b, loc, first, allowed[0], allowed[1]).getResult());
    return true;
  }
  attn::YieldOp::create(b, loc, arith::OrIOp::create(b, loc, allowed[0], allowed[1]).getResult());
  Region &mask = merged.getMask();
  return MaskPredicate::conjunction(
             {analyzePredicate(allowed[0], mask), analyzePredicate(allowed[1], mask)})
      .isFalse();
}

static bool areSameRegions(Region &a, Region &b) {
  return OperationEquivalence::isRegionEquivalentTo(&a, &b, OperationEquivalence::IgnoreLocations);
}

static bool usesPositions(Region &score) {
  return !score.getArgument(3).use_empty() || !score.getArgument(4).use_empty();
}

void RegionMerger::mergeScores() {
  if (!parts[0].hasScore() && !parts[1].hasScore())
    return;
  Location loc = merged.getLoc();
  Block &block = merged.getScore().emplaceBlock();
  OpBuilder b = OpBuilder::atBlockEnd(&block);
  block.addArgument(merged.getScoreType(), loc);
  for (int arg = 0; arg < 4; ++arg)
    block.addArgument(b.getIndexType(), loc);
  bool isOne = parts[0].hasScore() && parts[1].hasScore() &&
               areSameRegions(parts[0].getScore(), parts[1].getScore()) &&
               (!keys.split || !usesPositions(parts[0].getScore()));
  Value score[2];
  for (int part : {0, 1})
    if (part == 0 || !isOne)
      score[part] = parts[part].hasScore()
                        ? cloneBody(b, parts[part].getScore(), part, block.getArguments())
                        : block.getArgument(0);
  Value result = score[0];
  if (!isOne)
    result = arith::SelectOp::create(b, loc, isFirst(b, block.getArgument(4)), score[0], score[1]);
  attn::YieldOp::create(b, loc, result);
}

//===----------------------------------------------------------------------===//
// Raising
//===----------------------------------------------------------------------===//

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

/// Merges a pair, or says why not.
static bool raise(Pair pair, std::string &why) {
  AttentionOp(&parts)[2] = pair.parts;
  Region &function = *parts[0]->getParentRegion();
  if (!pair.output) {
    why = "they are combined by other weights than those of their log-sum-exps";
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
  std::optional<MergedKeys> keys = joinKeys(builder, parts, function);
  if (!keys) {
    why = "their keys and values are not adjacent parts of one tensor";
    return false;
  }
  if (!keys->split && !areSameRegions(parts[0].getScore(), parts[1].getScore())) {
    why = "their score functions differ";
    return false;
  }
  Location loc = last.getLoc();
  Value first[2], shift;
  bool arePlacedAlike = haveSamePositions(parts);
  bool seesPositions =
      llvm::any_of(parts, [](AttentionOp part) { return part.hasMask() || part.hasScore(); });
  bool needsOffset = seesPositions && (keys->split || !arePlacedAlike);
  for (int part : {0, 1})
    if (needsOffset)
      first[part] =
          getValueOrCreateConstantIndexOp(builder, loc, parts[part].getFirstPosition(builder));
  if (needsOffset && !arePlacedAlike)
    shift = builder.createOrFold<arith::SubIOp>(loc, first[1], first[0]);
  SmallVector<Value> inits{parts[0].getInits().front()};
  if (pair.lse)
    inits.push_back(parts[0].getInits().back());
  auto merged = AttentionOp::create(
      builder, loc, ValueRange(inits).getTypes(), parts[0].getQuery(), keys->key, keys->value,
      inits, needsOffset ? first[0] : parts[0].getQueryOffset(), /*seed=*/Value(),
      /*dropout_counter=*/ValueRange(), parts[0].getScaleAttr(), parts[0].getAlignment(), nullptr,
      nullptr, nullptr, nullptr,
      /*dropout=*/FloatAttr(), /*fill=*/FloatAttr(),
      /*with_weights=*/false, /*with_lse=*/pair.lse != nullptr, /*column_chunk=*/nullptr);
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
      for (const Pair &pair : findPairs(getOperation())) {
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
