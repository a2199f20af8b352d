// Modules from MLIR text that nobody vouches for.
#ifndef FOVEA_FRONTEND_MLIRTEXT_H
#define FOVEA_FRONTEND_MLIRTEXT_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"

namespace fovea {

/// Parses and verifies a module and checks that its entries keep to the conventions of
/// docs/architecture.md. `name` stands for the file in messages. Wrong text gives a
/// DiagnosticError.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
parseMlir(mlir::MLIRContext &context, llvm::StringRef source, llvm::StringRef name);

/// Whether a function can be run from outside.
bool isEntry(mlir::func::FuncOp function);

} // namespace fovea

#endif // FOVEA_FRONTEND_MLIRTEXT_H
