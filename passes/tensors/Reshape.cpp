#include "passes/tensors/Reshape.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/tensors/DimSizes.h"

using namespace mlir;
using namespace fovea;

static RankedTensorType withShape(Value tensor, ArrayRef<OpFoldResult> sizes) {
  SmallVector<int64_t> shape;
  SmallVector<Value> dynamic;
  dispatchIndexOpFoldResults(sizes, dynamic, shape);
  return RankedTensorType::get(shape, getElementTypeOrSelf(tensor.getType()));
}

Value fovea::joinDims(OpBuilder &builder, Value tensor, ArrayRef<int64_t> counts) {
  if (llvm::all_of(counts, [](int64_t count) { return count == 1; }))
    return tensor;
  SmallVector<ReassociationIndices> groups;
  int64_t next = 0;
  for (int64_t count : counts) {
    groups.emplace_back();
    while (count-- > 0)
      groups.back().push_back(next++);
  }
  return tensor::CollapseShapeOp::create(builder, tensor.getLoc(), tensor, groups);
}

Value fovea::splitDims(OpBuilder &builder, Value tensor,
                       ArrayRef<SmallVector<OpFoldResult>> parts) {
  if (llvm::all_of(parts, [](auto &sizes) { return sizes.size() == 1; }))
    return tensor;
  SmallVector<ReassociationIndices> groups;
  SmallVector<OpFoldResult> sizes;
  for (const SmallVector<OpFoldResult> &part : parts) {
    groups.emplace_back();
    for (OpFoldResult size : part) {
      groups.back().push_back(sizes.size());
      sizes.push_back(size);
    }
  }
  return tensor::ExpandShapeOp::create(builder, tensor.getLoc(), withShape(tensor, sizes), tensor,
                                       groups, sizes);
}

/// Each unit dim joins the group of the dim after it; those at the end the last group.
static SmallVector<ReassociationIndices> groupUnits(ArrayRef<bool> isUnit) {
  SmallVector<ReassociationIndices> groups;
  ReassociationIndices pending;
  for (auto [dim, unit] : llvm::enumerate(isUnit)) {
    pending.push_back(dim);
    if (!unit)
      groups.push_back(std::exchange(pending, {}));
  }
  if (!groups.empty())
    groups.back().append(pending);
  return groups;
}

Value fovea::insertUnitDims(OpBuilder &builder, Value tensor, ArrayRef<bool> isUnit) {
  if (!llvm::is_contained(isUnit, true))
    return tensor;
  SmallVector<OpFoldResult> sizes;
  int64_t next = 0;
  for (bool unit : isUnit)
    sizes.push_back(unit ? OpFoldResult(builder.getIndexAttr(1))
                         : getDimSize(builder, tensor.getLoc(), tensor, next++));
  return tensor::ExpandShapeOp::create(builder, tensor.getLoc(), withShape(tensor, sizes), tensor,
                                       groupUnits(isUnit), sizes);
}

Value fovea::dropUnitDims(OpBuilder &builder, Value tensor, ArrayRef<bool> isUnit) {
  if (!llvm::is_contained(isUnit, true))
    return tensor;
  return tensor::CollapseShapeOp::create(builder, tensor.getLoc(), tensor, groupUnits(isUnit));
}

Value fovea::transposeTo(OpBuilder &builder, Value tensor, ArrayRef<int64_t> permutation) {
  if (llvm::is_sorted(permutation))
    return tensor;
  SmallVector<OpFoldResult> sizes;
  for (int64_t dim : permutation)
    sizes.push_back(getDimSize(builder, tensor.getLoc(), tensor, dim));
  Value init = tensor::EmptyOp::create(builder, tensor.getLoc(), sizes,
                                       getElementTypeOrSelf(tensor.getType()));
  return linalg::TransposeOp::create(builder, tensor.getLoc(), tensor, init, permutation)
      ->getResult(0);
}
