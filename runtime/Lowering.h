// Runs the pipeline over a copy of a module, with everything that passes say collected: errors
// into the returned error, remarks to an observer.
#ifndef FOVEA_RUNTIME_LOWERING_H
#define FOVEA_RUNTIME_LOWERING_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "passes/Pipelines.h"
#include "runtime/Finding.h"
#include "llvm/Support/Error.h"
#include <string>

namespace fovea {

struct LoweringOptions;

/// Watches a lowering; what it is given lives as long as the call.
class LoweringObserver {
public:
  virtual ~LoweringObserver() = default;
  virtual void started(const LoweringOptions &options) {}
  /// What a pass reported, in order.
  virtual void found(const Finding &finding) {}
  /// The module after a phase, Phase::Input first.
  virtual void reached(Phase phase, mlir::ModuleOp module) {}
  /// The module of the phase `vector` with its memory just planned: each buffer is a memref.view
  /// of the workspace, none of them merged with another yet.
  virtual void planned(mlir::ModuleOp module) {}
};

struct LoweringOptions {
  std::string route = "fast";     // or "reference"
  std::string entry = "";         // keep this entry alone; all if empty
  std::string target = "generic"; // row of the target table
  std::string quantize = "";      // hold weights as "q8" or "q4"
  Phase phase = Phase::Llvm;      // last phase to run; Object means Llvm
  bool separateKernels = false;   // leave equal kernels apart
  Requirements require = {};
};

/// A copy of `module`, lowered. An error if a pass fails or a requirement is broken. Uses the
/// module's context: one call at a time on it.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
lower(mlir::ModuleOp module, const LoweringOptions &options, LoweringObserver &observer);

} // namespace fovea

#endif // FOVEA_RUNTIME_LOWERING_H
