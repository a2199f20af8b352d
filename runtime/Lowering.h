// Runs the pipeline over a copy of a module, with everything that passes say collected: errors
// into the returned error, remarks into a report.
#ifndef FOVEA_RUNTIME_LOWERING_H
#define FOVEA_RUNTIME_LOWERING_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "passes/Pipelines.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <string>

namespace fovea {

struct LoweringOptions {
  std::string route = "fast";     // or "reference"
  std::string entry = "";         // keep this entry alone; all if empty
  std::string target = "generic"; // row of the target table
  Phase phase = Phase::Llvm;      // last phase to run; Object means Llvm
};

/// A copy of `module`, lowered. Calls `report` with each remark and warning, as
/// "file:line:col: remark: [topic] message". Uses the module's context: one call at a time on it.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
lower(mlir::ModuleOp module, const LoweringOptions &options,
      llvm::function_ref<void(llvm::StringRef)> report);

} // namespace fovea

#endif // FOVEA_RUNTIME_LOWERING_H
