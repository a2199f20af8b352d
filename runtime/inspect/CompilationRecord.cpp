#include "runtime/inspect/CompilationRecord.h"
#include "llvm/ADT/STLExtras.h"

using namespace fovea;

void CompilationRecord::started(const LoweringOptions &options) {
  target = findTarget(options.target);
}

void CompilationRecord::reached(Phase phase, mlir::ModuleOp module) {
  if (phase == Phase::Fused)
    fusedModule = module.clone();
}

void CompilationRecord::planned(mlir::ModuleOp module) { plannedModule = module.clone(); }

std::vector<AttentionFacts> CompilationRecord::attentions(const SymbolSizes &sizes) const {
  if (!fusedModule || !target)
    return {};
  return describeAttentions(*fusedModule, *target, sizes);
}

std::vector<MemoryPlan> CompilationRecord::memory(const SymbolSizes &sizes) const {
  return plannedModule ? describeMemory(*plannedModule, sizes) : std::vector<MemoryPlan>();
}

SymbolSizes fovea::sizesOf(const EntrySignature &entry, llvm::ArrayRef<TensorView> inputs) {
  SymbolSizes sizes;
  for (const auto &[spec, view] : llvm::zip_equal(entry.inputs, inputs))
    for (const auto &[i, dim] : llvm::enumerate(spec.dims))
      if (!dim.size)
        sizes[dim.symbol.empty() ? spec.name + "." + std::to_string(i) : dim.symbol] = view.size(i);
  return sizes;
}
