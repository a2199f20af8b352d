#include "passes/raise/WeightSlices.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/raise/AttentionMatch.h"
#include "passes/raise/SliceMover.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace fovea;

/// Slices and what they take of each dim of a softmax.
using Slices = SmallVector<std::pair<tensor::ExtractSliceOp, TensorParts>>;

static bool hasRankOf(Value operand, Value tensor) {
  auto type = dyn_cast<RankedTensorType>(operand.getType()); // none for a number
  return type && type.getRank() == cast<RankedTensorType>(tensor.getType()).getRank();
}

/// Whether `tensor`, back to a product of its shape, serves nothing else.
static bool ownsProduct(Value tensor) {
  if (!tensor.hasOneUse())
    return false;
  if (auto masked = tensor.getDefiningOp<attn::ApplyMaskOp>())
    return ownsProduct(masked.getScores());
  auto op = tensor.getDefiningOp<linalg::LinalgOp>();
  if (!op || !keepsPlaces(op) || op.getNumDpsInputs() == 0)
    return false;
  return matchContraction(op) || llvm::any_of(op.getDpsInputs(), [&](Value operand) {
           return hasRankOf(operand, tensor) && ownsProduct(operand);
         });
}

/// Collects the slices that are all that is used of `tensor`, some view of a softmax's result;
/// false if other things are, or slices without some of the keys.
static bool findSlices(Value tensor, attn::SoftmaxOp softmax, Slices &slices) {
  return llvm::all_of(tensor.getUsers(), [&](Operation *user) {
    auto expand = dyn_cast<tensor::ExpandShapeOp>(user);
    if (expand && tensor == softmax->getResult(0))
      return findSlices(expand, softmax, slices);
    auto slice = dyn_cast<tensor::ExtractSliceOp>(user);
    if (!slice)
      return false;
    TensorParts parts = partsOf(slice);
    if (auto view = tensor.getDefiningOp<tensor::ExpandShapeOp>())
      parts = partsOfSource(view, parts);
    slices.emplace_back(slice, parts);
    return !areWhole(parts) && parts[softmax.getDim()].isWhole &&
           slice->getBlock() == softmax->getBlock() && weighsValues(slice);
  });
}

/// The part of a tensor that a slice takes, all of it as far as sizes are not known.
static double shareOf(Value tensor, ArrayRef<DimPart> parts) {
  double share = 1;
  for (auto [part, size] : llvm::zip(parts, cast<RankedTensorType>(tensor.getType()).getShape())) {
    std::optional<int64_t> taken = part.isWhole ? std::nullopt : getConstantIntValue(part.size);
    std::optional<int64_t> stride = part.isWhole ? std::nullopt : getConstantIntValue(part.stride);
    if (taken && !ShapedType::isDynamic(size))
      share *= static_cast<double>(*taken) / static_cast<double>(size);
    else if (stride)
      share /= static_cast<double>(*stride);
  }
  return share;
}

/// Whether slices overlap for sure or perhaps: each would compute what they share anew.
static bool mayOverlap(attn::SoftmaxOp softmax, const Slices &slices) {
  double share = 0;
  for (const auto &[slice, parts] : slices)
    share += shareOf(softmax->getResult(0), parts);
  return slices.size() > 1 && share > 1 + 1e-9;
}

static bool isAttention(attn::SoftmaxOp softmax) {
  std::optional<SoftmaxMatch> match = matchSoftmax(softmax);
  std::string why;
  return match && findScoreContraction(*match, why);
}

/// Erases the op, and all that only it used.
static void eraseUnused(Operation *last) {
  llvm::SetVector<Operation *> candidates;
  candidates.insert(last);
  while (!candidates.empty()) {
    Operation *op = candidates.pop_back_val();
    if (!isOpTriviallyDead(op))
      continue;
    for (Value operand : op->getOperands())
      if (Operation *producer = operand.getDefiningOp())
        candidates.insert(producer);
    op->erase();
  }
}

void fovea::sliceScoresFirst(Operation *function) {
  SmallVector<attn::SoftmaxOp> softmaxes;
  function->walk([&](attn::SoftmaxOp op) {
    if (isa<RankedTensorType>(op.getSource().getType()))
      softmaxes.push_back(op);
  });
  for (attn::SoftmaxOp softmax : softmaxes) {
    Slices slices;
    if (!findSlices(softmax->getResult(0), softmax, slices) || slices.empty() ||
        mayOverlap(softmax, slices) || !ownsProduct(softmax.getSource()) || !isAttention(softmax))
      continue;
    for (auto &[slice, parts] : slices) {
      OpBuilder b(slice);
      Value part =
          SliceMover(b, slice.getLoc()).take(softmax->getResult(0), parts, /*isScores=*/true);
      if (part.getType() != slice.getType())
        part = tensor::CastOp::create(b, slice.getLoc(), slice.getType(), part);
      slice.replaceAllUsesWith(part);
    }
    for (auto &[slice, parts] : slices)
      eraseUnused(slice);
  }
}
