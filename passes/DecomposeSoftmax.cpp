// attn.softmax to five linalg ops, which tiling along the rows can fuse.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/Decompose.h"

using namespace mlir;
using namespace fovea;

namespace {
struct DecomposeSoftmax : OpRewritePattern<attn::SoftmaxOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(attn::SoftmaxOp op, PatternRewriter &rewriter) const override {
    if (op.getNumResults() != 1)
      return rewriter.notifyMatchFailure(op, "on buffers");
    Location loc = op.getLoc();
    Value source = op.getSource(), init = op.getInits()[0];
    FloatType compute = getComputeType(source);
    int64_t rank = cast<RankedTensorType>(source.getType()).getRank(), dim = op.getDim();
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(rewriter, loc, source);
    SmallVector<OpFoldResult> rowSizes(sizes);
    rowSizes.erase(rowSizes.begin() + dim);
    AffineMap all = rewriter.getMultiDimIdentityMap(rank), row = all.dropResult(dim);
    double infinity = std::numeric_limits<double>::infinity();

    // m = max_j s[j]
    Value maximum = createGeneric(
        rewriter, loc, source, createFilled(rewriter, loc, rowSizes, compute, -infinity),
        {all, row}, [&](OpBuilder &b, Location loc, ValueRange x) -> Value {
          return arith::MaximumFOp::create(b, loc, convertFloat(b, loc, x[0], compute), x[1]);
        });
    // p[j] = exp(s[j] - m)
    Value exponentials = createGeneric(
        rewriter, loc, {source, maximum}, tensor::EmptyOp::create(rewriter, loc, sizes, compute),
        {all, row, all}, [&](OpBuilder &b, Location loc, ValueRange x) {
          Value p = createShiftedExp(b, loc, convertFloat(b, loc, x[0], compute), x[1]);
          // The sum is at least 1: what is below the normal numbers does not show.
          p.getDefiningOp<math::ExpOp>().setFastmath(arith::FastMathFlags::afn);
          return p;
        });
    // z = sum_j p[j]
    Value sum = createGeneric(rewriter, loc, exponentials,
                              createFilled(rewriter, loc, rowSizes, compute, 0.0), {all, row},
                              [](OpBuilder &b, Location loc, ValueRange x) -> Value {
                                return arith::AddFOp::create(b, loc, x[0], x[1]);
                              });
    // r = 1 / z, or 0 in a row of -inf alone
    Value reciprocal = createGeneric(
        rewriter, loc, sum, tensor::EmptyOp::create(rewriter, loc, rowSizes, compute),
        {rewriter.getMultiDimIdentityMap(rank - 1), rewriter.getMultiDimIdentityMap(rank - 1)},
        [&](OpBuilder &b, Location loc, ValueRange x) {
          return createSafeQuotient(b, loc, createFloatConstant(b, loc, compute, 1.0), x[0]);
        });
    // w[j] = p[j] r
    rewriter.replaceOp(op,
                       createGeneric(rewriter, loc, {exponentials, reciprocal}, init,
                                     {all, row, all}, [](OpBuilder &b, Location loc, ValueRange x) {
                                       Value w = arith::MulFOp::create(b, loc, x[0], x[1]);
                                       return convertFloat(b, loc, w, x[2].getType());
                                     }));
    return success();
  }
};
} // namespace

void fovea::populateDecomposeSoftmaxPatterns(RewritePatternSet &patterns) {
  patterns.add<DecomposeSoftmax>(patterns.getContext());
}
