#include "passes/raise/UnnormalizedWeights.h"
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/Report.h"
#include "passes/raise/AttentionMatch.h"

using namespace mlir;
using namespace fovea;

static linalg::LinalgOp elementwiseOp(Value tensor) {
  auto op = tensor.getDefiningOp<linalg::LinalgOp>();
  return op && op.getNumReductionLoops() == 0 && op.getNumDpsInputs() > 0 ? op : linalg::LinalgOp();
}

static bool onlyMoves(linalg::LinalgOp op) {
  return isa<BlockArgument>(op.getBlock()->getTerminator()->getOperand(0));
}

/// Whether a tensor is a weight of the model, moved or converted perhaps.
static bool isModelWeight(Value tensor) {
  while (Operation *op = tensor.getDefiningOp()) {
    if (isa<attn::WeightOp, attn::QuantizedWeightOp, attn::DequantizeOp>(op))
      return true;
    linalg::LinalgOp linalgOp = elementwiseOp(tensor);
    bool isView = isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::ExtractSliceOp>(op);
    if (!isView && !(linalgOp && linalgOp.getNumDpsInputs() == 1))
      return false;
    tensor = op->getOperand(0);
  }
  return false;
}

/// Whether both factors and the product have a loop in common.
static bool hasBatch(const ContractionMatch &match) {
  return llvm::any_of(match.outLoops, [&](unsigned loop) {
    return llvm::is_contained(match.lhsLoops, loop) && llvm::is_contained(match.rhsLoops, loop);
  });
}

static bool isOfData(ContractionMatch match) {
  return hasBatch(match) && !isModelWeight(match.lhs()) && !isModelWeight(match.rhs());
}

static bool isExponential(linalg::LinalgOp op) {
  Value result = op.getBlock()->getTerminator()->getOperand(0);
  return isa_and_nonnull<math::ExpOp, math::Exp2Op>(result.getDefiningOp());
}

/// Whether `tensor` is changed elements of a product of data. Exponentials belong to softmaxes that
/// are spelled out, of which other remarks tell.
static bool isChangedProduct(Value tensor, bool isChanged) {
  if (std::optional<ContractionMatch> product = matchContraction(tensor.getDefiningOp()))
    return isChanged && isOfData(*product);
  if (auto masked = tensor.getDefiningOp<attn::ApplyMaskOp>())
    return isChangedProduct(masked.getScores(), true);
  linalg::LinalgOp op = elementwiseOp(tensor);
  if (!op || isExponential(op))
    return false;
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  return llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *operand) {
    auto type = dyn_cast<RankedTensorType>(operand->get().getType());
    return type && type.getRank() == rank &&
           isChangedProduct(operand->get(), isChanged || !onlyMoves(op));
  });
}

void fovea::remarkUnnormalizedWeights(Operation *function) {
  function->walk([](linalg::LinalgOp op) {
    std::optional<ContractionMatch> contraction = matchContraction(op);
    if (!contraction || !isOfData(*contraction))
      return;
    if (isChangedProduct(contraction->lhs(), false) || isChangedProduct(contraction->rhs(), false))
      fovea::remark(op, "attention",
                    "scores weigh values without a softmax: they stay several kernels");
  });
}
