// What sizes that depend on the shapes of inputs come to for shapes as they are typical.
#ifndef FOVEA_PASSES_BUFFERS_TYPICALSIZE_H
#define FOVEA_PASSES_BUFFERS_TYPICALSIZE_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"

namespace fovea {

/// Folds computations of sizes with the same number for every dim. Good for guesses of what is
/// larger, never for correctness.
class TypicalSize {
public:
  /// `size` is an index or a condition; what cannot be folded is taken for a dim.
  int64_t of(mlir::Value size);

private:
  mlir::Attribute fold(mlir::Value size);

  llvm::DenseMap<mlir::Value, mlir::Attribute> known;
};

} // namespace fovea

#endif // FOVEA_PASSES_BUFFERS_TYPICALSIZE_H
