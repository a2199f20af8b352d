// attn.cache_append to tensor.insert_slice. Rows that go into a ring are two runs: those up to
// the ring's end and those from its start.
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/Decompose.h"

using namespace mlir;
using namespace fovea;

/// rows[:, :, from : from + size, :]
static Value takeRows(OpBuilder &b, Location loc, Value rows, OpFoldResult from,
                      OpFoldResult size) {
  OpFoldResult zero = b.getIndexAttr(0);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, rows);
  sizes[2] = size;
  SmallVector<OpFoldResult> strides(4, b.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(
      b, loc, rows, ArrayRef<OpFoldResult>{zero, zero, from, zero}, sizes, strides);
}

/// cache[:, :, row : row + L, :] = rows
static Value insertRows(OpBuilder &b, Location loc, Value rows, Value cache, OpFoldResult row) {
  OpFoldResult zero = b.getIndexAttr(0);
  SmallVector<OpFoldResult> strides(4, b.getIndexAttr(1));
  return tensor::InsertSliceOp::create(b, loc, rows, cache,
                                       ArrayRef<OpFoldResult>{zero, zero, row, zero},
                                       tensor::getMixedSizes(b, loc, rows), strides);
}

namespace {
struct DecomposeCacheAppend : OpRewritePattern<attn::CacheAppendOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(attn::CacheAppendOp op, PatternRewriter &rewriter) const override {
    if (op.getNumResults() != 1)
      return rewriter.notifyMatchFailure(op, "on buffers");
    Location loc = op.getLoc();
    Value source = op.getSource(), cache = op.getInits()[0], position = op.getPosition();
    OpFoldResult zero = rewriter.getIndexAttr(0);
    OpFoldResult length = tensor::getMixedSize(rewriter, loc, source, 2);
    if (!op.getRing()) {
      rewriter.replaceOp(op, insertRows(rewriter, loc, source, cache, position));
      return success();
    }
    OpFoldResult capacity = tensor::getMixedSize(rewriter, loc, cache, 2);
    Value row = arith::RemUIOp::create(rewriter, loc, position,
                                       getValueOrCreateConstantIndexOp(rewriter, loc, capacity));
    if (isOneInteger(length)) {
      rewriter.replaceOp(op, insertRows(rewriter, loc, source, cache, row));
      return success();
    }
    AffineExpr s0 = rewriter.getAffineSymbolExpr(0), s1 = rewriter.getAffineSymbolExpr(1),
               s2 = rewriter.getAffineSymbolExpr(2);
    OpFoldResult upToEnd = affine::makeComposedFoldedAffineMin(
        rewriter, loc, AffineMap::get(0, 3, {s0, s1 - s2}, rewriter.getContext()),
        {length, capacity, row});
    OpFoldResult fromStart =
        affine::makeComposedFoldedAffineApply(rewriter, loc, s0 - s1, {length, upToEnd});
    Value before = takeRows(rewriter, loc, source, zero, upToEnd);
    Value after = takeRows(rewriter, loc, source, upToEnd, fromStart);
    cache = insertRows(rewriter, loc, before, cache, row);
    rewriter.replaceOp(op, insertRows(rewriter, loc, after, cache, zero));
    return success();
  }
};
} // namespace

void fovea::populateDecomposeCacheAppendPatterns(RewritePatternSet &patterns) {
  patterns.add<DecomposeCacheAppend>(patterns.getContext());
}
