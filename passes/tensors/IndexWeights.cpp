// Matrices that programs choose from a stack of them, such as one expert's of a layer, become
// weights of their own: each has its place in memory, and can be packed and quantised.
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/Passes.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace fovea;

namespace fovea {
#define GEN_PASS_DEF_INDEXWEIGHTSPASS
#include "passes/Passes.h.inc"
} // namespace fovea

/// Whether the slice is one matrix of a stack, whole.
static bool isMatrixOfStack(tensor::ExtractSliceOp slice) {
  RankedTensorType stack = slice.getSourceType(), matrix = slice.getType();
  int64_t stackDims = stack.getRank() - 2;
  if (!stack.hasStaticShape() || matrix.getRank() != 2 || !slice.hasUnitStride() ||
      matrix.getShape() != stack.getShape().drop_front(stackDims))
    return false;
  // Of a dim of size one of the matrix, that of the stack could be the one that stays.
  for (int64_t dim = 0; dim < stackDims; ++dim)
    if (slice.getStaticSizes()[dim] != 1 || !slice.getDroppedDims().test(dim))
      return false;
  return llvm::all_of(ArrayRef(slice.getMixedOffsets()).drop_front(stackDims),
                      [](OpFoldResult offset) { return isConstantIntValue(offset, 0); });
}

/// Whether all that is read of the tensors are matrices of stacks.
static bool readsMatrices(ArrayRef<attn::WeightOp> ops) {
  return llvm::all_of(ops, [](attn::WeightOp op) {
    auto type = dyn_cast<RankedTensorType>(op.getType());
    return type && type.getRank() > 2 &&
           attn::WeightSlots::checkedSize(type.getShape().drop_back(2)) &&
           llvm::all_of(op->getUsers(), [](Operation *user) {
             auto slice = dyn_cast<tensor::ExtractSliceOp>(user);
             return slice && isMatrixOfStack(slice);
           });
  });
}

static void replaceByWeight(RewriterBase &rewriter, attn::WeightOp weight,
                            tensor::ExtractSliceOp slice) {
  rewriter.setInsertionPoint(slice);
  RankedTensorType stack = slice.getSourceType();
  int64_t stackDims = stack.getRank() - 2;
  SmallVector<Value> indices(weight.getIndices());
  SmallVector<int64_t> counts(weight.getCounts());
  SmallVector<OpFoldResult> offsets = slice.getMixedOffsets();
  for (OpFoldResult offset : ArrayRef(offsets).take_front(stackDims))
    indices.push_back(getValueOrCreateConstantIndexOp(rewriter, slice.getLoc(), offset));
  llvm::append_range(counts, stack.getShape().take_front(stackDims));
  rewriter.replaceOpWithNewOp<attn::WeightOp>(slice, slice.getType(), weight.getName(), indices,
                                              counts, weight.getSpans());
}

namespace {
struct IndexWeightsPass : fovea::impl::IndexWeightsPassBase<IndexWeightsPass> {
  using Base::Base;
  void runOnOperation() override {
    // All uses of a name have to agree on what it stands for.
    llvm::MapVector<StringAttr, SmallVector<attn::WeightOp>> weights;
    getOperation().walk([&](attn::WeightOp op) { weights[op.getNameAttr()].push_back(op); });
    IRRewriter rewriter(&getContext());
    for (auto &[name, ops] : weights) {
      if (!readsMatrices(ops))
        continue;
      for (attn::WeightOp op : ops) {
        for (Operation *user : llvm::make_early_inc_range(op->getUsers()))
          replaceByWeight(rewriter, op, cast<tensor::ExtractSliceOp>(user));
        rewriter.eraseOp(op);
      }
    }
  }
};
} // namespace
