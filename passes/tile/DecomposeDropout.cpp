// attn.dropout to a linalg.generic that draws each element's number from its linear index.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/tile/Decompose.h"
#include "passes/vector/EmitPhilox.h"

using namespace mlir;
using namespace fovea;

/// The row-major linear index of the loops' indices in a tensor of `sizes`, as i64.
static Value createLinearIndex(OpBuilder &b, Location loc, ArrayRef<Value> sizes) {
  Value linear = arith::ConstantIndexOp::create(b, loc, 0);
  for (auto [dim, size] : llvm::enumerate(sizes)) {
    if (dim != 0)
      linear = arith::MulIOp::create(b, loc, linear, size);
    linear = arith::AddIOp::create(b, loc, linear, linalg::IndexOp::create(b, loc, dim));
  }
  return arith::IndexCastOp::create(b, loc, b.getI64Type(), linear);
}

namespace {
struct DecomposeDropout : OpRewritePattern<attn::DropoutOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(attn::DropoutOp op, PatternRewriter &rewriter) const override {
    if (op.getNumResults() != 1)
      return rewriter.notifyMatchFailure(op, "on buffers");
    Location loc = op.getLoc();
    FloatType compute = getComputeType(op.getSource());
    double p = op.getP().convertToDouble();
    PhiloxKey key = emitPhiloxKey(rewriter, loc, op.getSeed());
    SmallVector<Value> sizes = getValueOrCreateConstantIndexOp(
        rewriter, loc, tensor::getMixedSizes(rewriter, loc, op.getSource()));
    AffineMap all = rewriter.getMultiDimIdentityMap(sizes.size());
    rewriter.replaceOp(
        op, createGeneric(
                rewriter, loc, op.getSource(), op.getInits()[0], {all, all},
                [&](OpBuilder &b, Location loc, ValueRange x) {
                  Value word = emitPhiloxWord(b, loc, key, createLinearIndex(b, loc, sizes));
                  Value scaled =
                      arith::MulFOp::create(b, loc, convertFloat(b, loc, x[0], compute),
                                            createFloatConstant(b, loc, compute, 1.0 / (1.0 - p)));
                  Value kept = arith::SelectOp::create(b, loc, emitIsKept(b, loc, word, p), scaled,
                                                       createFloatConstant(b, loc, compute, 0.0));
                  return convertFloat(b, loc, kept, x[1].getType());
                }));
    return success();
  }
};
} // namespace

void fovea::populateDecomposeDropoutPatterns(RewritePatternSet &patterns) {
  patterns.add<DecomposeDropout>(patterns.getContext());
}
