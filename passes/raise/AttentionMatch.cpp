#include "passes/raise/AttentionMatch.h"
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "passes/tensors/DimSizes.h"

using namespace mlir;
using namespace fovea;

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

static bool isZeroFilled(Value tensor) {
  if (auto fill = tensor.getDefiningOp<linalg::FillOp>())
    return matchPattern(fill.getInputs().front(), m_AnyZeroFloat());
  return matchPattern(tensor, m_AnyZeroFloat());
}

static SmallVector<unsigned> loopsOf(AffineMap map) {
  SmallVector<unsigned> loops;
  for (unsigned i = 0; i < map.getNumResults(); ++i)
    loops.push_back(map.getDimPosition(i));
  return loops;
}

std::optional<ContractionMatch> fovea::matchContraction(Operation *op) {
  auto linalgOp = dyn_cast_or_null<linalg::LinalgOp>(op);
  if (!linalgOp || !linalgOp.hasPureTensorSemantics() ||
      !linalg::isaContractionOpInterface(linalgOp))
    return std::nullopt;
  OpOperand *init = linalgOp.getDpsInitOperand(0);
  if (!isa<FloatType>(getElementTypeOrSelf(init->get().getType())) || !isZeroFilled(init->get()))
    return std::nullopt;
  SmallVector<AffineMap> maps = linalgOp.getIndexingMapsArray();
  ContractionMatch match{linalgOp, loopsOf(maps[0]), loopsOf(maps[1]), loopsOf(maps[2]), {}};
  linalgOp.getReductionDims(match.reductionLoops);
  return match;
}

//===----------------------------------------------------------------------===//
// Queries and keys
//===----------------------------------------------------------------------===//

/// All values in the region that `value` is computed from.
static SetVector<Operation *> sliceOf(Value value, Region &region) {
  SetVector<Operation *> slice;
  std::function<void(Value)> visit = [&](Value v) {
    Operation *op = v.getDefiningOp();
    if (!op || op->getParentRegion() != &region || !slice.insert(op))
      return;
    for (Value operand : op->getOperands())
      visit(operand);
  };
  visit(value);
  return slice;
}

static LabelledTensor labelOperand(Value tensor, ArrayRef<unsigned> loops,
                                   ArrayRef<DimLabel> loopLabels) {
  LabelledTensor labelled{tensor, {}};
  for (unsigned loop : loops)
    labelled.labels.push_back(loopLabels[loop]);
  return labelled;
}

/// Decides which operand holds the keys and which score dim the rows are.
static bool assignRoles(ScoreContraction &found, const SoftmaxMatch &match) {
  if (found.query.has(match.keyDim))
    std::swap(found.query, found.key);
  if (found.query.has(match.keyDim) || found.key.find(match.keyDim) < 0)
    return false;
  // Of several dims that the keys lack, the last is the rows; the others are groups of heads.
  for (int64_t dim = 0; dim < match.rank(); ++dim)
    if (found.query.find(dim) >= 0 && !found.key.has(dim))
      found.rowDim = dim;
  return true;
}

/// Whether the score dims of the label are all of dim `dim` of the scores, no part of it. Joined
/// dims of sizes that are not known are not compared.
static bool isWholeDim(const SoftmaxMatch &match, const DimLabel &label, Value scores,
                       int64_t dim) {
  if (label.size() == 1)
    return haveEqualSizes(match.weights, label.front(), scores, dim);
  ArrayRef<int64_t> shape = cast<RankedTensorType>(match.weights.getType()).getShape();
  int64_t size = cast<RankedTensorType>(scores.getType()).getDimSize(dim), product = 1;
  for (int64_t scoreDim : label) {
    if (ShapedType::isDynamic(shape[scoreDim]))
      return true;
    product *= shape[scoreDim];
  }
  return size == product;
}

std::optional<ScoreContraction> fovea::findScoreContraction(const SoftmaxMatch &match,
                                                            std::string &why) {
  SmallVector<int64_t> sizes = labelSizes(match);
  why = "its scores do not come from a contraction of queries and keys";
  for (Operation *op : sliceOf(match.score, *match.region)) {
    auto extract = dyn_cast<tensor::ExtractOp>(op);
    std::optional<ContractionMatch> contraction =
        extract ? matchContraction(extract.getTensor().getDefiningOp()) : std::nullopt;
    if (!contraction)
      continue;
    if (contraction->reductionLoops.size() != 1) {
      why = "queries and keys are contracted over more than one dim";
      continue;
    }
    SmallVector<DimLabel> loopLabels(contraction->op.getNumLoops());
    loopLabels[contraction->reductionLoops.front()] = {featureLabel};
    bool labelled = true, isWhole = true;
    bool sameRank = extract.getIndices().size() + 1 == sizes.size();
    for (auto [dim, index] : llvm::enumerate(extract.getIndices())) {
      std::optional<DimLabel> label = readLabel(index, *match.region, sizes);
      labelled &= label.has_value();
      // Dims of size 1 are read at 0; where no dim was added or dropped they keep their place.
      if (label && label->empty() && sameRank && sizes[dim] == 1)
        label->push_back(dim);
      loopLabels[contraction->outLoops[dim]] = label.value_or(DimLabel());
      isWhole &= !label || isWholeDim(match, *label, extract.getTensor(), dim);
    }
    ScoreContraction found{*contraction, extract, {}, {}, -1};
    found.query = labelOperand(contraction->lhs(), contraction->lhsLoops, loopLabels);
    found.key = labelOperand(contraction->rhs(), contraction->rhsLoops, loopLabels);
    if (labelled && isWhole && assignRoles(found, match))
      return found;
    why = !labelled ? "the scores are reshaped in a way that mixes rows and keys"
          : isWhole ? "the dim that is normalised does not belong to the keys alone"
                    : "it reads a part of the product of queries and keys";
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// Labels of the result of an op that only moves or narrows its operand; none if it does more.
static std::optional<SmallVector<DimLabel>> forwardLabels(OpOperand &use,
                                                          ArrayRef<DimLabel> labels) {
  Operation *op = use.getOwner();
  SmallVector<DimLabel> forwarded;
  if (isa<attn::DropoutOp, arith::TruncFOp, arith::ExtFOp, tensor::CastOp>(op))
    return use.getOperandNumber() == 0 ? std::optional(SmallVector<DimLabel>(labels))
                                       : std::nullopt;
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    for (const ReassociationIndices &group : collapse.getReassociationIndices()) {
      forwarded.emplace_back();
      for (int64_t dim : group)
        llvm::append_range(forwarded.back(), labels[dim]);
    }
    return forwarded;
  }
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    for (auto [group, label] : llvm::zip(expand.getReassociationIndices(), labels)) {
      int64_t kept = 0;
      for (int64_t dim : group) {
        bool isUnit = expand.getResultType().getDimSize(dim) == 1 && group.size() > 1;
        forwarded.push_back(isUnit ? DimLabel() : label);
        kept += !isUnit;
      }
      if (kept != 1)
        return std::nullopt;
    }
    return forwarded;
  }
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || linalgOp.getNumReductionLoops() != 0 || linalgOp.getNumDpsInputs() != 1 ||
      !linalgOp.isDpsInput(&use))
    return std::nullopt;
  Value yielded = linalgOp.getBlock()->getTerminator()->getOperand(0);
  if (isa_and_nonnull<arith::TruncFOp, arith::ExtFOp>(yielded.getDefiningOp()))
    yielded = yielded.getDefiningOp()->getOperand(0);
  AffineMap in = linalgOp.getMatchingIndexingMap(&use);
  AffineMap out = linalgOp.getMatchingIndexingMap(linalgOp.getDpsInitOperand(0));
  if (yielded != linalgOp.getBlock()->getArgument(0) || !in.isPermutation() || !out.isPermutation())
    return std::nullopt;
  SmallVector<DimLabel> loopLabels(linalgOp.getNumLoops());
  for (auto [loop, label] : llvm::zip(loopsOf(in), labels))
    loopLabels[loop] = label;
  for (unsigned loop : loopsOf(out))
    forwarded.push_back(loopLabels[loop]);
  return forwarded;
}

/// Matches `use` as the weights' operand of a contraction along the keys.
static std::optional<ValueContraction> matchValues(OpOperand &use, ArrayRef<DimLabel> labels,
                                                   const SoftmaxMatch &match, std::string &why) {
  std::optional<ContractionMatch> contraction = matchContraction(use.getOwner());
  if (!contraction || use.getOperandNumber() > 1)
    return std::nullopt;
  bool isLhs = use.getOperandNumber() == 0;
  SmallVector<DimLabel> loopLabels(contraction->op.getNumLoops(), DimLabel{featureLabel});
  for (auto [loop, label] :
       llvm::zip(isLhs ? contraction->lhsLoops : contraction->rhsLoops, labels))
    loopLabels[loop] = label;
  if (contraction->reductionLoops.size() != 1 ||
      loopLabels[contraction->reductionLoops.front()] != DimLabel{match.keyDim}) {
    why = "the weights are not contracted along the dim that is normalised";
    return std::nullopt;
  }
  ValueContraction found{*contraction, {}, contraction->op->getResult(0), {}, {}, nullptr};
  found.value = labelOperand(isLhs ? contraction->rhs() : contraction->lhs(),
                             isLhs ? contraction->rhsLoops : contraction->lhsLoops, loopLabels);
  for (unsigned loop : contraction->outLoops)
    found.outLabels.push_back(loopLabels[loop]);
  if (llvm::count(found.value.labels, DimLabel{featureLabel}) != 1) {
    why = "the values do not have exactly one dim of features";
    return std::nullopt;
  }
  return found;
}

bool fovea::dependsOn(Value value, Value source) {
  Operation *origin = source.getDefiningOp();
  SmallVector<Value> work{value};
  llvm::DenseSet<Operation *> seen;
  while (!work.empty()) {
    Operation *op = work.pop_back_val().getDefiningOp();
    Operation *here = op ? origin->getBlock()->findAncestorOpInBlock(*op) : nullptr;
    if (here == origin)
      return true;
    // What comes before the source cannot depend on it.
    if (!here || here->isBeforeInBlock(origin) || !seen.insert(op).second)
      continue;
    op->walk([&](Operation *inner) { llvm::append_range(work, inner->getOperands()); });
  }
  return false;
}

bool fovea::weighsValues(Value weights) {
  SetVector<Value> reached;
  reached.insert(weights);
  for (unsigned i = 0; i < reached.size(); ++i)
    for (Operation *user : reached[i].getUsers()) {
      if (matchContraction(user))
        return true;
      // Elementwise ops, reshapes and transpositions.
      auto linalgOp = dyn_cast<linalg::LinalgOp>(user);
      if (linalgOp && linalgOp.getNumReductionLoops() != 0)
        continue;
      for (Value result : user->getResults())
        if (isa<RankedTensorType>(result.getType()))
          reached.insert(result);
    }
  return false;
}

static SmallVector<DimLabel> identityLabels(const SoftmaxMatch &match) {
  SmallVector<DimLabel> labels;
  for (int64_t dim = 0; dim < match.rank(); ++dim)
    labels.push_back({dim});
  return labels;
}

std::optional<ValueContraction> fovea::matchValueUse(OpOperand &use, const SoftmaxMatch &match,
                                                     std::string &why) {
  return matchValues(use, identityLabels(match), match, why);
}

std::optional<ValueContraction> fovea::findValueContraction(const SoftmaxMatch &match,
                                                            std::string &why) {
  Value weights = match.weights;
  why = "its weights are not contracted with values";
  SmallVector<DimLabel> identity = identityLabels(match);
  std::optional<ValueContraction> first;
  struct View {
    Value tensor;
    SmallVector<DimLabel> labels;
    SmallVector<Operation *> path;
    Operation *dropout;
  };
  SmallVector<View> views{{match.weights, identity, {}, nullptr}};
  for (size_t at = 0; at < views.size(); ++at) {
    View view = views[at];
    for (OpOperand &use : view.tensor.getUses()) {
      Operation *user = use.getOwner();
      if (user->getBlock() != weights.getParentBlock())
        continue;
      if (auto found = matchValues(use, view.labels, match, why)) {
        found->path = view.path;
        found->dropout = view.dropout;
        bool isFirst = !first || user->isBeforeInBlock(first->contraction.op);
        if (dependsOn(found->value.tensor, weights))
          why = "the values depend on the weights";
        else if (isFirst)
          first = found;
        continue;
      }
      std::optional<SmallVector<DimLabel>> labels = forwardLabels(use, view.labels);
      if (!labels || (isa<attn::DropoutOp>(user) && (view.dropout || view.labels != identity)))
        continue;
      SmallVector<Operation *> path = view.path;
      path.push_back(user);
      views.push_back(
          {user->getResult(0), *labels, path, isa<attn::DropoutOp>(user) ? user : view.dropout});
    }
  }
  return first;
}
