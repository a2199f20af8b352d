// attn.create_mask and attn.apply_mask to linalg.generic.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "passes/tile/Decompose.h"

using namespace mlir;
using namespace fovea;

namespace {
struct DecomposeCreateMask : OpRewritePattern<attn::CreateMaskOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(attn::CreateMaskOp op, PatternRewriter &rewriter) const override {
    if (op.getNumResults() != 1)
      return rewriter.notifyMatchFailure(op, "on buffers");
    Value init = op.getInits()[0];
    int64_t rank = cast<RankedTensorType>(init.getType()).getRank();
    rewriter.replaceOp(
        op, createGeneric(rewriter, op.getLoc(), {}, init, rewriter.getMultiDimIdentityMap(rank),
                          [&](OpBuilder &b, Location loc, ValueRange) {
                            SmallVector<Value> indices;
                            for (int64_t dim = 0; dim < rank; ++dim)
                              indices.push_back(linalg::IndexOp::create(b, loc, dim));
                            return inlineRegion(b, op.getPredicate(), indices);
                          }));
    return success();
  }
};

struct DecomposeApplyMask : OpRewritePattern<attn::ApplyMaskOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(attn::ApplyMaskOp op, PatternRewriter &rewriter) const override {
    if (op.getNumResults() != 1)
      return rewriter.notifyMatchFailure(op, "on buffers");
    int64_t rank = cast<RankedTensorType>(op.getScores().getType()).getRank();
    AffineMap all = rewriter.getMultiDimIdentityMap(rank);
    rewriter.replaceOp(op, createGeneric(rewriter, op.getLoc(), {op.getScores(), op.getMask()},
                                         op.getInits()[0], {all, getBroadcastMap(op, rank), all},
                                         [&](OpBuilder &b, Location loc, ValueRange x) -> Value {
                                           Value fill =
                                               createFloatConstant(b, loc, x[0].getType(),
                                                                   op.getFill().convertToDouble());
                                           return arith::SelectOp::create(b, loc, x[1], x[0], fill);
                                         }));
    return success();
  }

  /// The mask's dims are the last of the scores'; one of size 1 is read at 0.
  static AffineMap getBroadcastMap(attn::ApplyMaskOp op, int64_t rank) {
    ArrayRef<int64_t> shape = cast<RankedTensorType>(op.getMask().getType()).getShape();
    SmallVector<AffineExpr> results;
    for (auto [dim, size] : llvm::enumerate(shape))
      results.push_back(size == 1 ? getAffineConstantExpr(0, op.getContext())
                                  : getAffineDimExpr(rank - shape.size() + dim, op.getContext()));
    return AffineMap::get(rank, 0, results, op.getContext());
  }
};
} // namespace

void fovea::populateDecomposeMaskPatterns(RewritePatternSet &patterns) {
  patterns.add<DecomposeCreateMask, DecomposeApplyMask>(patterns.getContext());
}
