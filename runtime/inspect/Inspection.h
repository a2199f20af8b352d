// Everything that the page of `fovea inspect` shows, gathered from a compilation and perhaps a run,
// and the page itself.
#ifndef FOVEA_RUNTIME_INSPECT_INSPECTION_H
#define FOVEA_RUNTIME_INSPECT_INSPECTION_H

#include "runtime/Trace.h"
#include "runtime/ceilings/Ceilings.h"
#include "runtime/inspect/CompilationRecord.h"
#include "runtime/inspect/GraphPicture.h"
#include "runtime/inspect/IrText.h"
#include "runtime/inspect/KernelWork.h"
#include "llvm/Support/JSON.h"

namespace fovea {

/// A CompilationRecord that also keeps the IR of each phase and pictures of the graph.
class Inspection : public CompilationRecord {
public:
  void reached(Phase phase, mlir::ModuleOp module) override;

  /// The work of the kernels, as describeWork has it.
  std::vector<KernelWork> work(const SymbolSizes &sizes) const;

  struct PhaseText {
    Phase phase;
    IrText ir;
  };
  std::vector<PhaseText> phases;
  std::vector<GraphPicture> inputGraphs, fusedGraphs;

private:
  mlir::OwningOpRef<mlir::ModuleOp> bufferizedModule;
};

/// A run to show: the fastest of some, and what it is held against.
struct InspectedRun {
  Trace trace;
  unsigned threads = 1;
  PeakRates ceilings;
};

/// The data of the page; `run` may be null, then `whyNotRun` says why.
llvm::json::Object inspectionToJson(const Inspection &inspection, llvm::StringRef title,
                                    const SymbolSizes &sizes, const InspectedRun *run,
                                    llvm::StringRef whyNotRun);

/// One HTML file that needs no other. Nothing in the data can end the element it is in.
void writePage(llvm::raw_ostream &os, llvm::json::Object data);

} // namespace fovea

#endif // FOVEA_RUNTIME_INSPECT_INSPECTION_H
