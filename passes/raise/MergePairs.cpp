#include "passes/raise/MergePairs.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/raise/MergeExpression.h"
#include "passes/tensors/ElementReader.h"

using namespace mlir;
using namespace fovea;
using attn::AttentionOp;

namespace {
/// An elementwise tensor seen as a scalar expression of elements of two attentions' results.
struct MergeCandidate {
  Value result;
  AttentionOp parts[2];
  bool isOutput = false, isLse = false; // the merged ones
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

std::vector<MergePair> fovea::findMergePairs(Operation *function) {
  SmallVector<Operation *> ops;
  int64_t attentions = 0;
  function->walk([&](Operation *op) {
    ops.push_back(op);
    if (auto attention = dyn_cast<AttentionOp>(op))
      attentions += attention.getWithLse();
  });
  std::vector<MergePair> pairs;
  if (attentions < 2) // reading expressions costs time
    return pairs;
  for (Operation *op : llvm::reverse(ops)) {
    std::optional<MergeCandidate> candidate = findCandidate(op);
    if (!candidate)
      continue;
    auto isSame = [&](const MergePair &pair) {
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

bool fovea::areUsedElsewhere(const MergePair &pair) {
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
