// Fields of memref descriptors become the values that they were made of.
#ifndef FOVEA_PASSES_ENTRY_FOLDDESCRIPTORS_H
#define FOVEA_PASSES_ENTRY_FOLDDESCRIPTORS_H

#include "mlir/Pass/Pass.h"
#include <memory>

namespace fovea {

/// Replaces what `llvm.extractvalue` takes out of structs made by `llvm.insertvalue` in the same
/// function. Conversion to the LLVM dialect takes each descriptor apart at each of its uses: a
/// quarter of a kernel's operations, which translation and LLVM would take their time for.
std::unique_ptr<mlir::Pass> createFoldDescriptorsPass();

} // namespace fovea

#endif // FOVEA_PASSES_ENTRY_FOLDDESCRIPTORS_H
