// Canonicalisations of all ops but attention.
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace fovea::attn;

/// `value` where a result of type `type` was, which may say more or less of its shape.
static void replaceWithCast(PatternRewriter &rewriter, Operation *op, Value value) {
  Type type = op->getResult(0).getType();
  if (value.getType() != type)
    value = tensor::CastOp::create(rewriter, op->getLoc(), type, value);
  rewriter.replaceOp(op, value);
}

/// The one value of all elements of a mask, if there is such a value.
static std::optional<bool> getUniformMask(Value mask) {
  DenseElementsAttr elements;
  if (matchPattern(mask, m_Constant(&elements)) && elements.isSplat())
    return elements.getSplatValue<bool>();
  auto create = mask.getDefiningOp<CreateMaskOp>();
  if (!create)
    return std::nullopt;
  auto yield = cast<YieldOp>(create.getPredicate().front().getTerminator());
  std::optional<int64_t> value = getConstantIntValue(yield.getValue());
  return value ? std::optional(*value != 0) : std::nullopt;
}

/// A mask that allows everything leaves the scores, one that allows nothing leaves the fill.
LogicalResult ApplyMaskOp::canonicalize(ApplyMaskOp op, PatternRewriter &rewriter) {
  if (op.getNumResults() != 1)
    return rewriter.notifyMatchFailure(op, "on buffers");
  std::optional<bool> allowed = getUniformMask(op.getMask());
  if (!allowed)
    return rewriter.notifyMatchFailure(op, "the mask is not known to be the same everywhere");
  if (*allowed) {
    replaceWithCast(rewriter, op, op.getScores());
    return success();
  }
  auto element = cast<FloatType>(getElementTypeOrSelf(op.getScores().getType()));
  Value fill = arith::ConstantOp::create(
      rewriter, op.getLoc(), rewriter.getFloatAttr(element, op.getFill().convertToDouble()));
  rewriter.replaceOpWithNewOp<linalg::FillOp>(op, fill, op.getInits()[0]);
  return success();
}

/// Windows of one element, one element apart, are the source with one more dim of size 1.
LogicalResult UnfoldOp::canonicalize(UnfoldOp op, PatternRewriter &rewriter) {
  auto source = cast<RankedTensorType>(op.getSource().getType());
  if (op.getSize() != 1 || op.getStep() != 1)
    return rewriter.notifyMatchFailure(op, "windows of several elements or with gaps");
  if (op.getType().getShape().drop_back() != source.getShape())
    return rewriter.notifyMatchFailure(op, "the result type knows other sizes than the source's");
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim = 0; dim < source.getRank(); ++dim)
    groups.push_back({dim});
  groups.back().push_back(source.getRank());
  rewriter.replaceOpWithNewOp<tensor::ExpandShapeOp>(op, op.getType(), op.getSource(), groups);
  return success();
}

/// Dropout that drops nothing does not scale either.
LogicalResult DropoutOp::canonicalize(DropoutOp op, PatternRewriter &rewriter) {
  if (op.getNumResults() != 1)
    return rewriter.notifyMatchFailure(op, "on buffers");
  if (!op.getP().isZero())
    return rewriter.notifyMatchFailure(op, "drops something");
  replaceWithCast(rewriter, op, op.getSource());
  return success();
}
