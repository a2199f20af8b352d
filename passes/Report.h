// How passes tell the user what they did: what was fused, what was not, and why.
#ifndef FOVEA_PASSES_REPORT_H
#define FOVEA_PASSES_REPORT_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/Twine.h"

namespace fovea {

/// What a remark says was not reached. `--require` turns all but None into errors.
enum class Shortfall {
  None,
  NotFused,      // an attention that is left to several kernels
  NotVectorized, // loops over scalars
};

/// Emits a remark at `op` of the form "[topic] message". Diagnostics handlers print remarks
/// only where a report was asked for.
void remark(mlir::Operation *op, llvm::StringRef topic, const llvm::Twine &message,
            Shortfall shortfall = Shortfall::None);

/// What fovea::remark was given; empty and None for any other diagnostic.
llvm::StringRef topicOf(mlir::Diagnostic &diagnostic);
Shortfall shortfallOf(mlir::Diagnostic &diagnostic);

} // namespace fovea

#endif // FOVEA_PASSES_REPORT_H
