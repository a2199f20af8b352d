// From where to where in a function a buffer is in use.
#ifndef FOVEA_PASSES_BUFFERS_BUFFERLIVENESS_H
#define FOVEA_PASSES_BUFFERS_BUFFERLIVENESS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

namespace fovea {

/// Positions in program order; both ends are part of the interval.
struct BufferInterval {
  int64_t begin, end;
};

/// Numbers the ops of a function with structured control flow in program order.
class BufferLiveness {
public:
  explicit BufferLiveness(mlir::func::FuncOp function);

  /// From the allocation to the last use of the buffer or of any view of it. A buffer that is
  /// used in a loop but allocated before it lives until the loop ends.
  BufferInterval interval(mlir::Operation *allocation) const;

  /// Where an op of the function begins.
  int64_t position(mlir::Operation *op) const { return begin.lookup(op); }

private:
  llvm::DenseMap<mlir::Operation *, int64_t> begin; // before the op's regions
  llvm::DenseMap<mlir::Operation *, int64_t> end;   // after the op's regions
};

} // namespace fovea

#endif // FOVEA_PASSES_BUFFERS_BUFFERLIVENESS_H
