#include "passes/raise/WeightSlices.h"
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

/// Whether the scores of a softmax, back to their product, serve nothing else.
static bool ownsScores(attn::SoftmaxOp softmax) {
  Value tensor = softmax.getSource();
  while (tensor.hasOneUse()) {
    auto masked = tensor.getDefiningOp<attn::ApplyMaskOp>();
    auto op = tensor.getDefiningOp<linalg::LinalgOp>();
    if (!masked && (!op || !keepsPlaces(op)))
      return false;
    if (op && matchContraction(op))
      return true;
    if (op && op.getNumDpsInputs() == 0)
      return false;
    // Of an elementwise op the operand of its shape; others are broadcast to it.
    Value next = masked ? masked.getScores() : Value();
    for (unsigned i = 0; !next && i < op.getNumDpsInputs(); ++i)
      if (hasRankOf(op->getOperand(i), tensor))
        next = op->getOperand(i);
    if (!next)
      return false;
    tensor = next;
  }
  return false;
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
    return !areWhole(parts) && parts[softmax.getDim()].isWhole;
  });
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
        !ownsScores(softmax) || !isAttention(softmax))
      continue;
    for (auto &[slice, parts] : slices) {
      OpBuilder b(slice);
      Value part = SliceMover(b, slice.getLoc()).take(softmax->getResult(0), parts);
      if (part.getType() != slice.getType())
        part = tensor::CastOp::create(b, slice.getLoc(), slice.getType(), part);
      slice.replaceAllUsesWith(part);
    }
    for (auto &[slice, parts] : slices)
      eraseUnused(slice);
  }
}
