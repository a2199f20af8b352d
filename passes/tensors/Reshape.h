// Reshapes of tensors in terms of what happens to each dim. None of them moves data except
// `transposeTo`.
#ifndef FOVEA_PASSES_TENSORS_RESHAPE_H
#define FOVEA_PASSES_TENSORS_RESHAPE_H

#include "mlir/IR/Builders.h"

namespace fovea {

/// Joins consecutive dims: result dim n is made of the next `counts[n]` dims, at least one.
mlir::Value joinDims(mlir::OpBuilder &builder, mlir::Value tensor, mlir::ArrayRef<int64_t> counts);

/// Splits dim n into dims of the sizes `parts[n]`, at least one each.
mlir::Value splitDims(mlir::OpBuilder &builder, mlir::Value tensor,
                      mlir::ArrayRef<llvm::SmallVector<mlir::OpFoldResult>> parts);

/// Adds dims of size 1 where `isUnit`; the other dims of the result are those of `tensor`.
mlir::Value insertUnitDims(mlir::OpBuilder &builder, mlir::Value tensor,
                           mlir::ArrayRef<bool> isUnit);

/// Drops the dims, of size 1, for which `isUnit`.
mlir::Value dropUnitDims(mlir::OpBuilder &builder, mlir::Value tensor, mlir::ArrayRef<bool> isUnit);

/// Result dim n is dim `permutation[n]`.
mlir::Value transposeTo(mlir::OpBuilder &builder, mlir::Value tensor,
                        mlir::ArrayRef<int64_t> permutation);

} // namespace fovea

#endif // FOVEA_PASSES_TENSORS_RESHAPE_H
