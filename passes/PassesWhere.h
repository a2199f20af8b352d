// Passes that run only where there is something for them to do. A dialect conversion looks at every
// operation and keeps a record of all, which takes as long on large kernels as the work it does on
// others; a walk that finds nothing takes next to no time.
#ifndef FOVEA_PASSES_PASSESWHERE_H
#define FOVEA_PASSES_PASSESWHERE_H

#include "mlir/Pass/Pass.h"

namespace fovea {

/// Runs `pass` on what the result is added to, but only if `isNeeded` holds for an operation in it.
std::unique_ptr<mlir::Pass> runWhere(bool (*isNeeded)(mlir::Operation *),
                                     std::unique_ptr<mlir::Pass> pass);

/// Whether `convert-to-llvm` has no pattern for this operation of the vector dialect, so that
/// `convert-vector-to-llvm` has to rewrite it first: those on vectors of more dims and the like.
bool isRareVectorOp(mlir::Operation *op);

/// Whether the operation computes with floats of less than 32 bits, which
/// `arith-emulate-unsupported-floats` may rewrite.
bool isNarrowFloatOp(mlir::Operation *op);

/// The same of operations that `math-extend-to-supported-types` is about.
bool isNarrowMathOp(mlir::Operation *op);

/// Whether `arith-expand` rewrites this operation.
bool isExpandedArithOp(mlir::Operation *op);

/// Whether `convert-to-llvm` may have no intrinsic for this operation of the math dialect.
bool isRareMathOp(mlir::Operation *op);

/// Whether `plan-buffers` writes its plan where this operation is: beside launches, and into the
/// function of the workspace's size. Kernels, which are much larger, it leaves alone.
bool isPlannedOp(mlir::Operation *op);

} // namespace fovea

#endif // FOVEA_PASSES_PASSESWHERE_H
