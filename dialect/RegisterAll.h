// What a context needs before Fovea's passes may run in it: the dialects of every phase, the
// external models of their interfaces (bufferization, tiling, bounds, inlining) and the
// translations to LLVM IR. Tools, tests and the library all set contexts up here.
#ifndef FOVEA_DIALECT_REGISTERALL_H
#define FOVEA_DIALECT_REGISTERALL_H

#include <memory>

namespace mlir {
class DialectRegistry;
class MLIRContext;
} // namespace mlir

namespace fovea {

/// Adds all dialects, extensions and translations that the pipeline uses.
void registerDialects(mlir::DialectRegistry &registry);

/// A context with those dialects loaded and without threads of its own, so that many contexts may
/// live in one process.
std::unique_ptr<mlir::MLIRContext> makeContext();

} // namespace fovea

#endif // FOVEA_DIALECT_REGISTERALL_H
