#include "passes/tensors/TensorParts.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/tensors/DimSizes.h"

using namespace mlir;
using namespace fovea;

bool fovea::areWhole(ArrayRef<DimPart> parts) {
  return llvm::all_of(parts, [](const DimPart &part) { return part.isWhole; });
}

TensorParts fovea::partsOf(tensor::ExtractSliceOp slice) {
  TensorParts parts;
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  SmallVector<OpFoldResult> offsets = slice.getMixedOffsets(), sizes = slice.getMixedSizes();
  int64_t resultDim = 0;
  for (auto [dim, stride] : llvm::enumerate(slice.getMixedStrides())) {
    bool isWhole = !dropped[dim] && isZeroInteger(offsets[dim]) && isOneInteger(stride) &&
                   haveEqualSizes(slice.getResult(), resultDim, slice.getSource(), dim);
    parts.push_back({isWhole, dropped[dim], offsets[dim], sizes[dim], stride});
    resultDim += !dropped[dim];
  }
  return parts;
}

/// Of a dim that is seen as rows of columns, one column or one row.
static std::optional<DimPart> partOfJoined(ArrayRef<DimPart> parts, ArrayRef<int64_t> sizes) {
  Builder b(parts.front().size.getContext());
  if (parts.size() == 1)
    return parts.front();
  if (parts.size() != 2 || ShapedType::isDynamic(sizes[1]))
    return std::nullopt;
  OpFoldResult columns = b.getIndexAttr(sizes[1]);
  if (parts[0].isWhole && parts[1].isDropped)
    return DimPart{false, false, parts[1].offset, parts[0].size, columns};
  std::optional<int64_t> row = getConstantIntValue(parts[0].offset);
  if (parts[0].isDropped && parts[1].isWhole && row)
    return DimPart{false, false, b.getIndexAttr(*row * sizes[1]), columns, b.getIndexAttr(1)};
  return std::nullopt;
}

TensorParts fovea::partsOfSource(tensor::ExpandShapeOp op, ArrayRef<DimPart> parts) {
  TensorParts found;
  for (auto [number, group] : llvm::enumerate(op.getReassociationIndices())) {
    ArrayRef<DimPart> joined = parts.slice(group.front(), group.size());
    std::optional<DimPart> part =
        areWhole(joined) ? DimPart()
                         : partOfJoined(joined, op.getResultType().getShape().slice(group.front(),
                                                                                    group.size()));
    if (!part)
      return {};
    found.push_back(*part);
  }
  return found;
}

OpFoldResult fovea::foldConstant(Builder &b, OpFoldResult size) {
  std::optional<int64_t> constant = getConstantIntValue(size);
  return constant ? OpFoldResult(b.getIndexAttr(*constant)) : size;
}

Value fovea::sliceTensor(OpBuilder &b, Location loc, Value tensor, ArrayRef<DimPart> parts) {
  if (areWhole(parts))
    return tensor;
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<OpFoldResult> offsets, strides, sizes = getDimSizes(b, loc, tensor);
  SmallVector<int64_t> shape;
  for (auto [dim, part] : llvm::enumerate(parts)) {
    offsets.push_back(part.isWhole ? b.getIndexAttr(0) : part.offset);
    strides.push_back(part.isWhole ? b.getIndexAttr(1) : part.stride);
    if (!part.isWhole)
      sizes[dim] = foldConstant(b, part.size);
    if (!part.isDropped)
      shape.push_back(getConstantIntValue(sizes[dim]).value_or(ShapedType::kDynamic));
  }
  return tensor::ExtractSliceOp::create(b, loc, RankedTensorType::get(shape, type.getElementType()),
                                        tensor, offsets, sizes, strides);
}
