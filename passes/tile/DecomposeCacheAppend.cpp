// attn.cache_append to tensor.insert_slice, in a loop over the batch where each sequence has its
// own position. Rows that go into a ring are two runs: those up to the ring's end and those from
// its start.
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/tile/Decompose.h"

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

/// The position at which `rows` fit into the cache that is closest to `position`.
static OpFoldResult clampPosition(OpBuilder &b, Location loc, Value rows, Value cache,
                                  Value position) {
  AffineExpr s0 = b.getAffineSymbolExpr(0), s1 = b.getAffineSymbolExpr(1);
  OpFoldResult sizes[] = {tensor::getMixedSize(b, loc, cache, 2),
                          tensor::getMixedSize(b, loc, rows, 2)};
  OpFoldResult last = affine::makeComposedFoldedAffineApply(b, loc, s0 - s1, sizes);
  std::optional<int64_t> at = getConstantIntValue(position);
  if (std::optional<int64_t> most = getConstantIntValue(last); at && most && *at <= *most)
    return b.getIndexAttr(*at);
  Value clamped =
      arith::MinSIOp::create(b, loc, position, getValueOrCreateConstantIndexOp(b, loc, last));
  Value first = arith::ConstantIndexOp::create(b, loc, 0);
  return arith::MaxSIOp::create(b, loc, clamped, first).getResult();
}

/// As many of the first rows as the cache has.
static Value takeFitting(OpBuilder &b, Location loc, Value rows, Value cache) {
  AffineExpr s0 = b.getAffineSymbolExpr(0), s1 = b.getAffineSymbolExpr(1);
  OpFoldResult length = tensor::getMixedSize(b, loc, rows, 2);
  OpFoldResult capacity = tensor::getMixedSize(b, loc, cache, 2);
  OpFoldResult fitting = affine::makeComposedFoldedAffineMin(
      b, loc, AffineMap::get(0, 2, {s0, s1}, b.getContext()), {length, capacity});
  if (isEqualConstantIntOrValue(fitting, length))
    return rows;
  return takeRows(b, loc, rows, b.getIndexAttr(0), fitting);
}

/// `cache` with `rows` in it from row `position` on, of all its sequences. Whatever the position
/// and the sizes at run time, nothing is written beside the cache.
static Value append(OpBuilder &b, Location loc, Value rows, Value cache, Value position,
                    bool ring) {
  OpFoldResult zero = b.getIndexAttr(0);
  rows = takeFitting(b, loc, rows, cache);
  if (!ring)
    return insertRows(b, loc, rows, cache, clampPosition(b, loc, rows, cache, position));
  OpFoldResult length = tensor::getMixedSize(b, loc, rows, 2);
  OpFoldResult capacity = tensor::getMixedSize(b, loc, cache, 2);
  Value row = arith::RemUIOp::create(
      b, loc, position,
      b.createOrFold<arith::MaxSIOp>(loc, getValueOrCreateConstantIndexOp(b, loc, capacity),
                                     arith::ConstantIndexOp::create(b, loc, 1)));
  if (isOneInteger(length))
    return insertRows(b, loc, rows, cache, row);
  AffineExpr s0 = b.getAffineSymbolExpr(0), s1 = b.getAffineSymbolExpr(1),
             s2 = b.getAffineSymbolExpr(2);
  OpFoldResult upToEnd = affine::makeComposedFoldedAffineMin(
      b, loc, AffineMap::get(0, 3, {s0, s1 - s2}, b.getContext()), {length, capacity, row});
  OpFoldResult fromStart =
      affine::makeComposedFoldedAffineApply(b, loc, s0 - s1, {length, upToEnd});
  Value before = takeRows(b, loc, rows, zero, upToEnd);
  Value after = takeRows(b, loc, rows, upToEnd, fromStart);
  cache = insertRows(b, loc, before, cache, row);
  return insertRows(b, loc, after, cache, zero);
}

namespace {
/// Offsets, sizes and strides of tensor[sequence : sequence + 1].
struct SequenceSlice {
  SequenceSlice(OpBuilder &b, Location loc, Value tensor, Value sequence)
      : offsets(4, b.getIndexAttr(0)), sizes(tensor::getMixedSizes(b, loc, tensor)),
        strides(4, b.getIndexAttr(1)) {
    offsets[0] = sequence;
    sizes[0] = b.getIndexAttr(1);
  }
  SmallVector<OpFoldResult> offsets, sizes, strides;
};
} // namespace

/// A loop over the sequences of a batch, each with its own position.
static Value appendEach(OpBuilder &b, attn::CacheAppendOp op) {
  Value source = op.getSource(), cache = op.getInits()[0];
  auto body = [&](OpBuilder &b, Location loc, Value sequence, ValueRange carried) {
    Value at = tensor::ExtractOp::create(b, loc, op.getPosition(), sequence);
    at = arith::IndexCastOp::create(b, loc, b.getIndexType(), at);
    SequenceSlice from(b, loc, source, sequence), to(b, loc, carried[0], sequence);
    Value rows =
        tensor::ExtractSliceOp::create(b, loc, source, from.offsets, from.sizes, from.strides);
    Value one =
        tensor::ExtractSliceOp::create(b, loc, carried[0], to.offsets, to.sizes, to.strides);
    one = append(b, loc, rows, one, at, op.getRing());
    Value all =
        tensor::InsertSliceOp::create(b, loc, one, carried[0], to.offsets, to.sizes, to.strides);
    scf::YieldOp::create(b, loc, all);
  };
  Location loc = op.getLoc();
  Value batch = getValueOrCreateConstantIndexOp(b, loc, tensor::getMixedSize(b, loc, cache, 0));
  auto loop = scf::ForOp::create(b, loc, arith::ConstantIndexOp::create(b, loc, 0), batch,
                                 arith::ConstantIndexOp::create(b, loc, 1), cache, body);
  return loop.getResult(0);
}

namespace {
struct DecomposeCacheAppend : OpRewritePattern<attn::CacheAppendOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(attn::CacheAppendOp op, PatternRewriter &rewriter) const override {
    if (op.getNumResults() != 1)
      return rewriter.notifyMatchFailure(op, "on buffers");
    Value position = op.getPosition();
    rewriter.replaceOp(op, isa<IndexType>(position.getType())
                               ? append(rewriter, op.getLoc(), op.getSource(), op.getInits()[0],
                                        position, op.getRing())
                               : appendEach(rewriter, op));
    return success();
  }
};
} // namespace

void fovea::populateDecomposeCacheAppendPatterns(RewritePatternSet &patterns) {
  patterns.add<DecomposeCacheAppend>(patterns.getContext());
}
