// Sizes of tensors, traced back through the ops that made them, and index arithmetic of reshapes.
#ifndef FOVEA_PASSES_TENSORS_DIMSIZES_H
#define FOVEA_PASSES_TENSORS_DIMSIZES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/IR/Builders.h"

namespace fovea {

/// The size of dim `dim` of `tensor`: a constant where static, else a value. Follows
/// destination-style ops to their inits, empty tensors to their sizes and reshapes to their
/// sources, so that asking keeps none of them alive and equal sizes are found equal.
mlir::OpFoldResult getDimSize(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value tensor,
                              int64_t dim);
llvm::SmallVector<mlir::OpFoldResult> getDimSizes(mlir::OpBuilder &builder, mlir::Location loc,
                                                  mlir::Value tensor);

/// Replaces every tensor.dim of the function by what getDimSize gives, so that equal sizes of
/// arguments are one value.
void shareDims(mlir::func::FuncOp func);

/// Whether the two sizes are known to be equal.
bool haveEqualSizes(mlir::Value a, int64_t dimA, mlir::Value b, int64_t dimB);

/// The row-major index over the dims `group` of a tensor of the given sizes.
mlir::Value linearizeIndex(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::ArrayRef<mlir::OpFoldResult> sizes, mlir::ArrayRef<int64_t> group,
                           mlir::ArrayRef<mlir::Value> indices);

/// The inverse: writes the indices of the dims `group` of `tensor` into `indices`.
void delinearizeIndex(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value tensor,
                      mlir::ArrayRef<int64_t> group, mlir::Value index,
                      llvm::SmallVectorImpl<mlir::Value> &indices);
/// The same over dims of the given sizes, outermost first.
llvm::SmallVector<mlir::Value> delinearizeIndex(mlir::OpBuilder &builder, mlir::Location loc,
                                                mlir::ArrayRef<mlir::OpFoldResult> sizes,
                                                mlir::Value index);

} // namespace fovea

#endif // FOVEA_PASSES_TENSORS_DIMSIZES_H
