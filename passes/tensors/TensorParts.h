// Slices of tensors, dim by dim.
#ifndef FOVEA_PASSES_TENSORS_TENSORPARTS_H
#define FOVEA_PASSES_TENSORS_TENSORPARTS_H

#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace fovea {

/// What a slice takes of one dim: all of it, or `size` places from `offset` on, `stride` apart; of
/// a dim that is dropped, one place.
struct DimPart {
  bool isWhole = true, isDropped = false;
  mlir::OpFoldResult offset = {}, size = {}, stride = {}; // unless it is whole
};
using TensorParts = llvm::SmallVector<DimPart>;

bool areWhole(llvm::ArrayRef<DimPart> parts);

/// Of each dim of the slice's source.
TensorParts partsOf(mlir::tensor::ExtractSliceOp slice);

/// The parts of a reshaped tensor as parts of what it was; none if they are no rectangle there.
TensorParts partsOfSource(mlir::tensor::ExpandShapeOp op, llvm::ArrayRef<DimPart> parts);

/// A constant that is a value as an attribute.
mlir::OpFoldResult foldConstant(mlir::Builder &b, mlir::OpFoldResult size);

/// The slice of `tensor` that has these parts, `tensor` itself if they are whole.
mlir::Value sliceTensor(mlir::OpBuilder &b, mlir::Location loc, mlir::Value tensor,
                        llvm::ArrayRef<DimPart> parts);

} // namespace fovea

#endif // FOVEA_PASSES_TENSORS_TENSORPARTS_H
