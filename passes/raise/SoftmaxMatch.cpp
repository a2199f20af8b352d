#include "passes/raise/SoftmaxMatch.h"
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "passes/raise/NormalizedMatcher.h"
#include "passes/tensors/DimSizes.h"

using namespace mlir;
using namespace fovea;

/// What computes an element of the one result of an elementwise op; null for any other op.
static Operation *findLastScalarOp(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || linalgOp.getNumReductionLoops() != 0 || linalgOp.getNumDpsInits() != 1)
    return nullptr;
  return linalgOp.getBlock()->getTerminator()->getOperand(0).getDefiningOp();
}

bool fovea::mayEndSoftmax(Operation *op) {
  if (op->getNumResults() != 1 || !isa<RankedTensorType>(op->getResult(0).getType()))
    return false;
  if (isa<arith::DivFOp, arith::MulFOp, math::ExpOp>(op))
    return true;
  return isa_and_nonnull<arith::DivFOp, arith::MulFOp, math::ExpOp>(findLastScalarOp(op));
}

/// Whether the op is elementwise and ends in a choice between something and 0.
static bool mayMaskWeights(Operation *op) {
  if (auto mask = dyn_cast<attn::ApplyMaskOp>(op))
    return mask.getFill().isZero();
  auto select = dyn_cast_or_null<arith::SelectOp>(findLastScalarOp(op));
  return select && (matchPattern(select.getTrueValue(), m_AnyZeroFloat()) ||
                    matchPattern(select.getFalseValue(), m_AnyZeroFloat()));
}

/// The one dim in which a slice lacks one element of its source, the first or the last; -1 if it
/// is anything else.
static int64_t findDroppedColumn(tensor::ExtractSliceOp slice, bool &isFirst) {
  int64_t found = -1;
  auto source = slice.getSourceType();
  if (!slice.hasUnitStride() || slice.getType().getRank() != source.getRank())
    return -1;
  for (int64_t dim = 0; dim < source.getRank(); ++dim) {
    OpFoldResult offset = slice.getMixedOffsets()[dim];
    bool isWhole = isConstantIntValue(offset, 0) &&
                   haveEqualSizes(slice.getResult(), dim, slice.getSource(), dim);
    if (isWhole)
      continue;
    if (found >= 0 || !(isConstantIntValue(offset, 0) || isConstantIntValue(offset, 1)))
      return -1;
    isFirst = isConstantIntValue(offset, 1);
    found = dim;
  }
  return found;
}

/// An empty match of `op`.
static SoftmaxMatch makeMatch(Operation *op) {
  SoftmaxMatch match;
  match.weights = op->getResult(0);
  match.region = std::make_unique<Region>();
  match.region->emplaceBlock();
  return match;
}

/// Matches the weights of a softmax of scores and a column without those of the column.
static std::optional<SoftmaxMatch> matchWithoutColumn(tensor::ExtractSliceOp slice) {
  bool columnFirst = false;
  int64_t dim = findDroppedColumn(slice, columnFirst);
  if (dim < 0)
    return std::nullopt;
  SoftmaxMatch match = makeMatch(slice);
  OpBuilder builder(slice.getContext());
  builder.setInsertionPointToEnd(&match.region->front());
  ElementReader reader(builder, slice.getLoc());
  NormalizedMatcher matcher(builder, slice.getLoc(), reader, slice.getSource(),
                            reader.addIndices(match.region->front(), match.weights));
  auto whole = matcher.matchSoftmaxOpElement(stripCasts(matcher.read(slice.getSource())));
  auto split = whole && whole->keyDim == dim ? matcher.splitColumn(*whole, slice, columnFirst)
                                             : std::nullopt;
  if (!split)
    return std::nullopt;
  match.keyDim = dim;
  match.score = split->score;
  match.sink = split->sink;
  return match;
}

std::optional<SoftmaxMatch> fovea::matchSoftmax(Operation *op) {
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    return matchWithoutColumn(slice);
  bool isOp = isa<attn::SoftmaxOp, linalg::SoftmaxOp>(op);
  if (op->getNumResults() != 1 ||
      !(isOp || mayEndSoftmax(op) || mayMaskWeights(op))) // none on buffers
    return std::nullopt;
  SoftmaxMatch match = makeMatch(op);
  OpBuilder builder(op->getContext());
  builder.setInsertionPointToEnd(&match.region->front());
  ElementReader reader(builder, op->getLoc());
  NormalizedMatcher matcher(builder, op->getLoc(), reader, match.weights,
                            reader.addIndices(match.region->front(), match.weights));
  auto normalized = matcher.matchResult(op);
  if (!normalized)
    return std::nullopt;
  match.keyDim = normalized->keyDim;
  match.score = normalized->score;
  match.sink = normalized->sink;
  return match;
}

/// The softmax that a slice without a column comes of has had its turn with the slice.
static void markBehind(tensor::ExtractSliceOp slice, llvm::DenseSet<Operation *> &erased) {
  Operation *user = slice, *op = slice.getSource().getDefiningOp();
  auto isOnlyUser = [&](Operation *other) {
    return other == user || !other->getBlock()->getParentOp(); // or in a match
  };
  while (op && llvm::all_of(op->getUsers(), isOnlyUser)) {
    erased.insert(op);
    if (isa<attn::SoftmaxOp, linalg::SoftmaxOp>(op) || mayEndSoftmax(op))
      return;
    user = op;
    op = op->getNumOperands() ? op->getOperand(0).getDefiningOp() : nullptr;
  }
}

void fovea::forEachSoftmax(
    Operation *function,
    llvm::function_ref<void(SoftmaxMatch &, llvm::DenseSet<Operation *> &)> raise) {
  SmallVector<Operation *> candidates;
  function->walk([&](Operation *op) { candidates.push_back(op); });
  llvm::DenseSet<Operation *> erased;
  for (Operation *op : llvm::reverse(candidates)) {
    if (erased.contains(op))
      continue;
    std::optional<SoftmaxMatch> match = matchSoftmax(op);
    if (!match)
      continue;
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
      markBehind(slice, erased);
    raise(*match, erased);
  }
}
