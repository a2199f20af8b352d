// Cuts a module of the LLVM dialect into several, for which code can be generated at once.
#ifndef FOVEA_RUNTIME_SPLITMODULE_H
#define FOVEA_RUNTIME_SPLITMODULE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringSet.h"
#include <vector>

namespace fovea {

struct SplitModule {
  /// Each has its part of the functions, declarations of those it uses of other parts, and copies
  /// of constants.
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> parts;
  /// Functions that other parts than their own use, which must stay visible to the linker.
  llvm::StringSet<> shared;
};

/// At most `count` parts of about equal size, cut the same way each time; fewer where functions
/// are few or small. A module with data that can be written stays whole.
SplitModule splitModule(mlir::OwningOpRef<mlir::ModuleOp> module, unsigned count);

} // namespace fovea

#endif // FOVEA_RUNTIME_SPLITMODULE_H
