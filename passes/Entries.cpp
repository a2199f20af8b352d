#include "passes/Entries.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;

void fovea::keepEntry(ModuleOp module, llvm::StringRef kept) {
  for (func::FuncOp function : llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
    if (!function.isPublic() || function.getName() == kept)
      continue;
    if (SymbolTable::symbolKnownUseEmpty(function, module))
      function.erase();
    else
      function.setPrivate();
  }
}
