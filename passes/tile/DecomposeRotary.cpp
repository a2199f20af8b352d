// attn.rotary to two elementwise linalg ops, one for each half of the pairs, on slices of the
// source and of the init. Nothing is gathered: the halves lie apart or alternate, and either way
// are slices.
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/tile/Decompose.h"

using namespace mlir;
using namespace fovea;

namespace {
/// Part of the last dim of a [_, _, _, D] tensor.
struct HeadSlice {
  OpFoldResult offset, size, stride;
};

struct DecomposeRotary : OpRewritePattern<attn::RotaryOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(attn::RotaryOp op, PatternRewriter &rewriter) const override {
    if (op.getNumResults() != 1)
      return rewriter.notifyMatchFailure(op, "on buffers");
    Location loc = op.getLoc();
    AffineExpr s0 = rewriter.getAffineSymbolExpr(0), s1 = rewriter.getAffineSymbolExpr(1);
    int64_t angleRank = cast<RankedTensorType>(op.getCosine().getType()).getRank();
    OpFoldResult half = tensor::getMixedSize(rewriter, loc, op.getCosine(), angleRank - 1);
    OpFoldResult headDim = tensor::getMixedSize(rewriter, loc, op.getSource(), 3);
    bool interleaved = op.getPairing() == attn::RotaryPairing::Interleaved;
    OpFoldResult zero = rewriter.getIndexAttr(0), one = rewriter.getIndexAttr(1);
    OpFoldResult stride = interleaved ? rewriter.getIndexAttr(2) : one;
    HeadSlice first{zero, half, stride};
    HeadSlice second{interleaved ? one : half, half, stride};

    Value x1 = extract(rewriter, loc, op.getSource(), first);
    Value x2 = extract(rewriter, loc, op.getSource(), second);
    // y1 = x1 * cos - x2 * sin, y2 = x2 * cos + x1 * sin
    Value result = rotate<arith::SubFOp>(rewriter, op, x1, x2, first, op.getInits()[0]);
    result = rotate<arith::AddFOp>(rewriter, op, x2, x1, second, result);

    OpFoldResult rotated = affine::makeComposedFoldedAffineApply(rewriter, loc, s0 * 2, {half});
    OpFoldResult rest =
        affine::makeComposedFoldedAffineApply(rewriter, loc, s1 - s0 * 2, {half, headDim});
    if (!isZeroInteger(rest)) {
      HeadSlice tail{rotated, rest, one};
      Value copy =
          linalg::CopyOp::create(rewriter, loc, extract(rewriter, loc, op.getSource(), tail),
                                 extract(rewriter, loc, result, tail))
              .getResult(0);
      result = insert(rewriter, loc, copy, result, tail);
    }
    rewriter.replaceOp(op, result);
    return success();
  }

  /// `into` with the elements of `slice` set to a * cos (+ or -) b * sin.
  template <typename CombineOp>
  static Value rotate(OpBuilder &rewriter, attn::RotaryOp op, Value a, Value b,
                      const HeadSlice &slice, Value into) {
    Location loc = op.getLoc();
    FloatType compute = getComputeType(op.getSource());
    AffineMap all = rewriter.getMultiDimIdentityMap(4);
    unsigned sequenceDim = op.getSequenceDim();
    bool perSequence = cast<RankedTensorType>(op.getCosine().getType()).getRank() == 3;
    AffineMap angle =
        perSequence ? all.getSubMap({0, sequenceDim, 3}) : all.getSubMap({sequenceDim, 3});
    Value rotated = createGeneric(
        rewriter, loc, {a, b, op.getCosine(), op.getSine()}, extract(rewriter, loc, into, slice),
        {all, all, angle, angle, all}, [&](OpBuilder &body, Location loc, ValueRange x) {
          SmallVector<Value> values;
          for (Value value : x.drop_back())
            values.push_back(convertFloat(body, loc, value, compute));
          Value lhs = arith::MulFOp::create(body, loc, values[0], values[2]);
          Value rhs = arith::MulFOp::create(body, loc, values[1], values[3]);
          return convertFloat(body, loc, CombineOp::create(body, loc, lhs, rhs), x[4].getType());
        });
    return insert(rewriter, loc, rotated, into, slice);
  }

  static void getSlice(OpBuilder &b, Location loc, Value tensor, const HeadSlice &slice,
                       SmallVector<OpFoldResult> &offsets, SmallVector<OpFoldResult> &sizes,
                       SmallVector<OpFoldResult> &strides) {
    offsets.assign(3, b.getIndexAttr(0));
    strides.assign(3, b.getIndexAttr(1));
    sizes = tensor::getMixedSizes(b, loc, tensor);
    offsets.push_back(slice.offset);
    sizes[3] = slice.size;
    strides.push_back(slice.stride);
  }

  static Value extract(OpBuilder &b, Location loc, Value tensor, const HeadSlice &slice) {
    SmallVector<OpFoldResult> offsets, sizes, strides;
    getSlice(b, loc, tensor, slice, offsets, sizes, strides);
    return tensor::ExtractSliceOp::create(b, loc, tensor, offsets, sizes, strides);
  }

  static Value insert(OpBuilder &b, Location loc, Value part, Value into, const HeadSlice &slice) {
    SmallVector<OpFoldResult> offsets, sizes, strides;
    getSlice(b, loc, into, slice, offsets, sizes, strides);
    return tensor::InsertSliceOp::create(b, loc, part, into, offsets, sizes, strides);
  }
};
} // namespace

void fovea::populateDecomposeRotaryPatterns(RewritePatternSet &patterns) {
  patterns.add<DecomposeRotary>(patterns.getContext());
}
