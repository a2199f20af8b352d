// Shape inference of the ops whose result shape differs from that of an init.
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace fovea::attn;

/// (size of the dim - window) / step + 1, the number of windows.
static int64_t countWindows(int64_t size, int64_t window, int64_t step) {
  return ShapedType::isDynamic(size) ? size : (size - window) / step + 1;
}

/// The checks come before the inference, which would be meaningless without them.
static LogicalResult checkWindows(std::optional<Location> loc, RankedTensorType source, int64_t dim,
                                  int64_t size, int64_t step) {
  int64_t rank = source.getRank();
  if (dim < 0 || dim >= rank) // unfold_c1
    return emitOptionalError(loc, "unfold_c1: expected dim to be in [0, ", rank,
                             "), the dims of the source, got ", dim);
  if (size < 1 || step < 1) // unfold_c2
    return emitOptionalError(loc, "unfold_c2: expected size and step to be at least 1, got ", size,
                             " and ", step);
  if (int64_t extent = source.getDimSize(dim); ShapedType::isStatic(extent) && size > extent)
    return emitOptionalError(loc, "unfold_c3: expected size to be at most ", extent,
                             ", the size of dim ", dim, ", got ", size);
  return success();
}

LogicalResult UnfoldOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc,
                                         ValueRange operands, DictionaryAttr attributes,
                                         OpaqueProperties properties, RegionRange regions,
                                         SmallVectorImpl<Type> &types) {
  Adaptor op(operands, attributes, properties, regions);
  auto source = cast<RankedTensorType>(op.getSource().getType());
  int64_t dim = op.getDim(), size = op.getSize(), step = op.getStep();
  if (failed(checkWindows(loc, source, dim, size, step)))
    return failure();
  SmallVector<int64_t> shape(source.getShape());
  shape[dim] = countWindows(shape[dim], size, step);
  shape.push_back(size);
  types.push_back(RankedTensorType::get(shape, source.getElementType()));
  return success();
}

// unfold_c4
bool UnfoldOp::isCompatibleReturnTypes(TypeRange inferred, TypeRange actual) {
  return inferred.size() == 1 && actual.size() == 1 &&
         getElementTypeOrSelf(inferred[0]) == getElementTypeOrSelf(actual[0]) &&
         succeeded(verifyCompatibleShape(inferred[0], actual[0]));
}

LogicalResult UnfoldOp::reifyResultShapes(OpBuilder &b, ReifiedRankedShapedTypeDims &shapes) {
  SmallVector<OpFoldResult> &shape =
      shapes.emplace_back(tensor::getMixedSizes(b, getLoc(), getSource()));
  int64_t size = getSize(), step = getStep();
  AffineExpr extent = b.getAffineSymbolExpr(0);
  shape[getDim()] = affine::makeComposedFoldedAffineApply(
      b, getLoc(), (extent - size).floorDiv(step) + 1, {shape[getDim()]});
  shape.push_back(b.getIndexAttr(size));
  // A result type that knows more than the source fixes the size.
  for (auto [size, staticSize] : llvm::zip_equal(shape, getType().getShape()))
    if (ShapedType::isStatic(staticSize))
      size = b.getIndexAttr(staticSize);
  return success();
}
