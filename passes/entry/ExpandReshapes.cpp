// Expanding reshapes of memory become views with explicit strides. Upstream's
// expand-strided-metadata takes the size of a dynamic dim from the source, so it knows no groups
// with two dynamic dims; the op itself states the sizes.
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_EXPANDRESHAPESPASS
#include "passes/Passes.h.inc"

static OpFoldResult multiply(OpBuilder &b, Location loc, OpFoldResult x, OpFoldResult y) {
  std::optional<int64_t> constantX = getConstantIntValue(x), constantY = getConstantIntValue(y);
  if (constantX && constantY)
    return b.getIndexAttr(*constantX * *constantY);
  Value left = getValueOrCreateConstantIndexOp(b, loc, x);
  Value right = getValueOrCreateConstantIndexOp(b, loc, y);
  return b.createOrFold<arith::MulIOp>(loc, left, right);
}

/// Row-major within each group, whose innermost dim has the stride of the source dim. A source of
/// rank 0 has no groups, and makes dims of size 1.
static SmallVector<OpFoldResult> expandedStrides(OpBuilder &b, memref::ExpandShapeOp op,
                                                 ArrayRef<OpFoldResult> sizes,
                                                 ArrayRef<OpFoldResult> sourceStrides) {
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  for (auto [group, sourceStride] : llvm::zip_equal(op.getReassociationIndices(), sourceStrides)) {
    OpFoldResult stride = sourceStride;
    for (int64_t dim : llvm::reverse(group)) {
      strides[dim] = stride;
      stride = multiply(b, op.getLoc(), stride, sizes[dim]);
    }
  }
  return strides;
}

static void expand(OpBuilder &b, memref::ExpandShapeOp op) {
  b.setInsertionPoint(op);
  auto source = memref::ExtractStridedMetadataOp::create(b, op.getLoc(), op.getSrc());
  SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
  SmallVector<OpFoldResult> strides =
      expandedStrides(b, op, sizes, source.getConstifiedMixedStrides());
  auto view =
      memref::ReinterpretCastOp::create(b, op.getLoc(), op.getResultType(), source.getBaseBuffer(),
                                        source.getConstifiedMixedOffset(), sizes, strides);
  op.replaceAllUsesWith(view.getResult());
  op.erase();
}

namespace {
struct ExpandReshapesPass : impl::ExpandReshapesPassBase<ExpandReshapesPass> {
  using Base::Base;
  void runOnOperation() override {
    SmallVector<memref::ExpandShapeOp> reshapes;
    getOperation()->walk([&](memref::ExpandShapeOp op) { reshapes.push_back(op); });
    OpBuilder b(&getContext());
    for (memref::ExpandShapeOp op : reshapes)
      expand(b, op);
  }
};
} // namespace
} // namespace fovea
