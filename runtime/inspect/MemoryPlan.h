// The memory of a run, known before it: what an entry takes and gives, its weights, and the plan of
// its workspace with the lifetime of every buffer.
#ifndef FOVEA_RUNTIME_INSPECT_MEMORYPLAN_H
#define FOVEA_RUNTIME_INSPECT_MEMORYPLAN_H

#include "runtime/Finding.h"
#include "runtime/inspect/SizeFormulas.h"
#include <optional>

namespace fovea {

/// An input, a result, or the weights of one name.
struct TensorMemory {
  std::string name;
  std::string type; // "f32[B, L, 512]", "12 x f32[512, 512]"
  SymbolicDim bytes;
};

/// A kernel launch, or a piece of serial code between launches, in program order.
struct MemoryStep {
  std::string name; // "contraction"
  SourcePlace place;
  SymbolicDim runs; // more than one in a loop over layers
};

/// An allocation of the compiler. Buffers of one slot lie at the same place and are never alive
/// together.
struct BufferMemory {
  std::string holds; // "f32[B, L, 512] of contraction"
  SourcePlace place;
  SymbolicDim bytes;
  unsigned slot = 0;
  unsigned firstStep = 0, lastStep = 0; // inclusive
};

struct MemoryPlan {
  std::string entry;
  std::vector<TensorMemory> inputs, results, weights;
  std::vector<MemoryStep> steps;
  std::vector<BufferMemory> buffers;
  std::vector<SymbolicDim> slots; // bytes
  SymbolicDim workspace;          // bytes: all slots
  SymbolicDim peak;               // bytes: inputs, results, weights and workspace
  std::optional<int64_t> busiest; // bytes of the buffers alive at the fullest step, if known
};

/// The plans of the entries of a module as LoweringObserver::planned has it. Formulas are in the
/// symbolic dims and `workers`, the number of threads; `sizes` may know some or all of them.
std::vector<MemoryPlan> describeMemory(mlir::ModuleOp planned, const SymbolSizes &sizes);

} // namespace fovea

#endif // FOVEA_RUNTIME_INSPECT_MEMORYPLAN_H
