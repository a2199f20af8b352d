// What a compilation leaves for those who want to know: the findings of its passes, and the module
// at the two points where attentions and memory can be read off it.
#ifndef FOVEA_RUNTIME_INSPECT_COMPILATIONRECORD_H
#define FOVEA_RUNTIME_INSPECT_COMPILATIONRECORD_H

#include "runtime/Lowering.h"
#include "runtime/Signature.h"
#include "runtime/inspect/AttentionFacts.h"
#include "runtime/inspect/MemoryPlan.h"
#include "runtime/tensor/Tensor.h"

namespace fovea {

/// Give it to CompileOptions::observer. Lives no longer than the module's context.
class CompilationRecord : public LoweringObserver {
public:
  void started(const LoweringOptions &options) override;
  void found(const Finding &finding) override { findings.push_back(finding); }
  void reached(Phase phase, mlir::ModuleOp module) override;
  void planned(mlir::ModuleOp module) override;

  /// The attentions and memory plans, with those sizes; empty if the compilation stopped before.
  std::vector<AttentionFacts> attentions(const SymbolSizes &sizes) const;
  std::vector<MemoryPlan> memory(const SymbolSizes &sizes) const;

  std::vector<Finding> findings;

private:
  const TargetInfo *target = nullptr;
  mlir::OwningOpRef<mlir::ModuleOp> fusedModule, plannedModule;
};

/// The sizes that tensors give to the dims of an entry; a dim without a name is "x.1", after its
/// input. `inputs` are in the order of the entry's.
SymbolSizes sizesOf(const EntrySignature &entry, llvm::ArrayRef<TensorView> inputs);

} // namespace fovea

#endif // FOVEA_RUNTIME_INSPECT_COMPILATIONRECORD_H
