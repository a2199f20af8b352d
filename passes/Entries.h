// The entries of a module: the functions that programs call.
#ifndef FOVEA_PASSES_ENTRIES_H
#define FOVEA_PASSES_ENTRIES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

namespace fovea {

/// Whether the function is public and has a body.
inline bool isEntry(mlir::func::FuncOp function) {
  return function.isPublic() && !function.isExternal();
}

/// All entries, in order. The list stays as it is while functions come and go.
inline llvm::SmallVector<mlir::func::FuncOp> entriesOf(mlir::ModuleOp module) {
  return llvm::to_vector(llvm::make_filter_range(module.getOps<mlir::func::FuncOp>(), isEntry));
}

/// Leaves `kept` as the only entry: others go, or stay as functions of the module where they are
/// called.
void keepEntry(mlir::ModuleOp module, llvm::StringRef kept);

} // namespace fovea

#endif // FOVEA_PASSES_ENTRIES_H
