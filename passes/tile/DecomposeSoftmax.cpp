// attn.softmax to four linalg ops, which tiling along the rows can fuse.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/tile/Decompose.h"

using namespace mlir;
using namespace fovea;

/// p[j] = exp(s[j] - m) and z = sum_j p[j], in one op: one loop computes both.
static std::pair<Value, Value> createExponentials(OpBuilder &b, Location loc, Value source,
                                                  Value maximum, int64_t dim) {
  FloatType compute = getComputeType(source);
  int64_t rank = cast<RankedTensorType>(source.getType()).getRank();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, source), rowSizes(sizes);
  rowSizes.erase(rowSizes.begin() + dim);
  Value exponentials = tensor::EmptyOp::create(b, loc, sizes, compute);
  Value sum = createFilled(b, loc, rowSizes, compute, 0.0);
  AffineMap all = b.getMultiDimIdentityMap(rank), row = all.dropResult(dim);
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  iterators[dim] = utils::IteratorType::reduction;
  auto generic = linalg::GenericOp::create(
      b, loc, TypeRange{exponentials.getType(), sum.getType()}, ValueRange{source, maximum},
      ValueRange{exponentials, sum}, ArrayRef{all, row, all, row}, iterators,
      [&](OpBuilder &b, Location loc, ValueRange x) {
        Value p = createShiftedExp(b, loc, convertFloat(b, loc, x[0], compute), x[1]);
        // The sum is at least 1: what is below the normal numbers does not show.
        p.getDefiningOp<math::ExpOp>().setFastmath(arith::FastMathFlags::afn);
        linalg::YieldOp::create(b, loc, ValueRange{p, arith::AddFOp::create(b, loc, x[3], p)});
      });
  return {generic.getResult(0), generic.getResult(1)};
}

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

    // m = max_j s[j], not counting what is no number: it makes the sum none.
    Value maximum = createGeneric(
        rewriter, loc, source, createFilled(rewriter, loc, rowSizes, compute, -infinity),
        {all, row}, [&](OpBuilder &b, Location loc, ValueRange x) -> Value {
          return arith::MaxNumFOp::create(b, loc, convertFloat(b, loc, x[0], compute), x[1]);
        });
    auto [exponentials, sum] = createExponentials(rewriter, loc, source, maximum, dim);
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
