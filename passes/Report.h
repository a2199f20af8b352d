// How passes tell the user what they did: what was fused, what was not, and why.
#ifndef FOVEA_PASSES_REPORT_H
#define FOVEA_PASSES_REPORT_H

#include "mlir/IR/Operation.h"
#include "llvm/ADT/Twine.h"

namespace fovea {

/// Emits a remark at `op` of the form "[topic] message". Diagnostics handlers print remarks
/// only where a report was asked for.
void remark(mlir::Operation *op, llvm::StringRef topic, const llvm::Twine &message);

} // namespace fovea

#endif // FOVEA_PASSES_REPORT_H
