// Loads and stores of vectors say how they are aligned: as their elements.
#ifndef FOVEA_PASSES_VECTOR_STATEALIGNMENT_H
#define FOVEA_PASSES_VECTOR_STATEALIGNMENT_H

#include "mlir/Pass/Pass.h"
#include <memory>

namespace fovea {

/// States the alignment of `vector.load` and `vector.store`, which `convert-to-llvm` would find
/// too, but by making an LLVM context for each of them: a fiftieth of the time of a compilation.
/// What states one already keeps it.
std::unique_ptr<mlir::Pass> createStateAlignmentPass();

} // namespace fovea

#endif // FOVEA_PASSES_VECTOR_STATEALIGNMENT_H
