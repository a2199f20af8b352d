// attn.unfold to a linalg.generic that copies every window.
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/tile/Decompose.h"

using namespace mlir;
using namespace fovea;

namespace {
struct DecomposeUnfold : OpRewritePattern<attn::UnfoldOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(attn::UnfoldOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    ReifiedRankedShapedTypeDims sizes;
    if (failed(op.reifyResultShapes(rewriter, sizes)))
      return rewriter.notifyMatchFailure(op, "the number of windows cannot be computed");
    int64_t rank = op.getType().getRank(), step = op.getStep();
    AffineMap all = rewriter.getMultiDimIdentityMap(rank);
    // in[..., w * step + t, ...]
    SmallVector<AffineExpr> source(all.getResults().drop_back());
    AffineExpr &windowed = source[op.getDim()];
    windowed = windowed * step + rewriter.getAffineDimExpr(rank - 1);
    Value empty = tensor::EmptyOp::create(rewriter, loc, sizes[0], op.getType().getElementType());
    Value windows = createGeneric(rewriter, loc, op.getSource(), empty,
                                  {AffineMap::get(rank, 0, source, rewriter.getContext()), all},
                                  [](OpBuilder &, Location, ValueRange x) { return x[0]; });
    if (windows.getType() != op.getType())
      windows = tensor::CastOp::create(rewriter, loc, op.getType(), windows);
    rewriter.replaceOp(op, windows);
    return success();
  }
};
} // namespace

void fovea::populateDecomposeUnfoldPatterns(RewritePatternSet &patterns) {
  patterns.add<DecomposeUnfold>(patterns.getContext());
}
