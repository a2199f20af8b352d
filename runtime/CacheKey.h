// What compiled code depends on, as bytes to hash.
#ifndef FOVEA_RUNTIME_CACHEKEY_H
#define FOVEA_RUNTIME_CACHEKEY_H

#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace llvm {
class TargetMachine;
}

namespace fovea {

struct CompileOptions;

/// The module as it is before any pass, with places, since reports have them; the compiler; the
/// CPU; the options that change code. Empty if the build of the compiler is not known.
std::string cacheKey(mlir::ModuleOp module, const CompileOptions &options,
                     const llvm::TargetMachine &machine);

} // namespace fovea

#endif // FOVEA_RUNTIME_CACHEKEY_H
