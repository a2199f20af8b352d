// The parallel loop in front of which that is computed which all of its iterations need.
#ifndef FOVEA_PASSES_TILE_OUTERMOSTLOOP_H
#define FOVEA_PASSES_TILE_OUTERMOSTLOOP_H

#include "mlir/Dialect/SCF/IR/SCF.h"

namespace fovea {

/// The outermost parallel loop around `op`; null if there is none.
mlir::scf::ForallOp outermostLoop(mlir::Operation *op);

} // namespace fovea

#endif // FOVEA_PASSES_TILE_OUTERMOSTLOOP_H
