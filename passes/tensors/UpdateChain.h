// Tensors that are updated versions of others, as a cache is of what it was.
#ifndef FOVEA_PASSES_TENSORS_UPDATECHAIN_H
#define FOVEA_PASSES_TENSORS_UPDATECHAIN_H

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace fovea {

/// The tensor whose memory `value` takes over if it can: that which a slice was inserted into, or
/// which a loop started from; null if `value` comes from elsewhere.
inline mlir::Value updatedFrom(mlir::Value value) {
  if (auto insert = value.getDefiningOp<mlir::tensor::InsertSliceOp>())
    return insert.getDest();
  if (auto loop = value.getDefiningOp<mlir::scf::ForOp>())
    return loop.getTiedLoopInit(mlir::cast<mlir::OpResult>(value))->get();
  return {};
}

/// The first tensor of the chain that ends in `value`.
inline mlir::Value originOf(mlir::Value value) {
  while (mlir::Value previous = updatedFrom(value))
    value = previous;
  return value;
}

} // namespace fovea

#endif // FOVEA_PASSES_TENSORS_UPDATECHAIN_H
