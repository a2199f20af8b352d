// Moves slices of weights in front of the ops that make them.
#ifndef FOVEA_PASSES_RAISE_SLICEMOVER_H
#define FOVEA_PASSES_RAISE_SLICEMOVER_H

#include "dialect/AttnOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "passes/tensors/TensorParts.h"

namespace fovea {

/// Whether a structured op computes each element from elements at the same places of its operands,
/// as far as those have its dims.
bool keepsPlaces(mlir::linalg::LinalgOp op);

class SliceMover {
public:
  SliceMover(mlir::OpBuilder &b, mlir::Location loc) : b(b), loc(loc) {}

  /// The parts of `tensor`: scores, or what is computed from them, are made from parts of queries
  /// and keys. Contractions in front of these stay whole.
  mlir::Value take(mlir::Value tensor, llvm::ArrayRef<DimPart> parts, bool isScores);

private:
  mlir::Value takeInit(mlir::Value init, mlir::Value tensor, llvm::ArrayRef<DimPart> parts);
  mlir::Value takeSoftmax(attn::SoftmaxOp op, llvm::ArrayRef<DimPart> parts, bool isScores);
  mlir::Value takeMasked(attn::ApplyMaskOp op, llvm::ArrayRef<DimPart> parts, bool isScores);
  mlir::Value takeStructured(mlir::linalg::LinalgOp op, llvm::ArrayRef<DimPart> parts,
                             bool isScores);

  mlir::OpBuilder &b;
  mlir::Location loc;
};

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_SLICEMOVER_H
