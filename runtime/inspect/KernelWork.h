// How much a kernel has to do: the numbers that its time is held against a roofline with.
#ifndef FOVEA_RUNTIME_INSPECT_KERNELWORK_H
#define FOVEA_RUNTIME_INSPECT_KERNELWORK_H

#include "runtime/inspect/AttentionFacts.h"

namespace fovea {

/// Over all launches of one run of the entry.
struct KernelWork {
  std::string kind; // "contraction"; as kernels are named
  SourcePlace place;
  double operations = 0; // of arithmetic, elementary functions counted once
  double bytes = 0;      // of every operand, read or written once
};

/// The parallel loops of a module of the phase `bufferized`, in order, with those sizes. Of
/// attentions only the blocks that their masks leave count. Loops of unknown sizes are left out.
std::vector<KernelWork> describeWork(mlir::ModuleOp bufferized,
                                     llvm::ArrayRef<AttentionFacts> attentions,
                                     const SymbolSizes &sizes);

} // namespace fovea

#endif // FOVEA_RUNTIME_INSPECT_KERNELWORK_H
