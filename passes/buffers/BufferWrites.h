// Which buffer a memref is a part of, and what writes to it.
#ifndef FOVEA_PASSES_BUFFERS_BUFFERWRITES_H
#define FOVEA_PASSES_BUFFERS_BUFFERWRITES_H

#include "mlir/IR/Operation.h"

namespace fovea {

/// The buffer that `memref` is a part of.
mlir::Value baseOf(mlir::Value memref);

/// Whether `op` or an op in it writes to the buffer that `memref` is a part of, or may do so.
bool mayWriteTo(mlir::Operation *op, mlir::Value memref);

/// Neither reads nor writes memory.
bool leavesMemoryAlone(mlir::Operation *op);

} // namespace fovea

#endif // FOVEA_PASSES_BUFFERS_BUFFERWRITES_H
