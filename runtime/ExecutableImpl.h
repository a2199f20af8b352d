// The inside of an Executable: loaded code, and the memory of runs between runs.
#ifndef FOVEA_RUNTIME_EXECUTABLEIMPL_H
#define FOVEA_RUNTIME_EXECUTABLEIMPL_H

#include "runtime/Abi.h"
#include "runtime/Executable.h"
#include "runtime/Jit.h"
#include "runtime/Memory.h"
#include "runtime/ThreadPool.h"
#include "runtime/Trace.h"
#include "runtime/WeightTable.h"
#include <mutex>
#include <optional>

namespace fovea {

/// Everything that one run writes besides its outputs. Kept for the next run, so that nothing
/// needs to grow.
struct RunState {
  std::vector<TensorView> inputs;           // by input; contiguous once bound
  std::vector<MutableTensorView> outputs;   // by output; contiguous once bound
  std::vector<ReusableBuffer> inputCopies;  // packed inputs
  std::vector<ReusableBuffer> outputCopies; // outputs for strided views
  std::vector<DimVector> outputSizes;
  std::vector<int64_t *> outputSizePointers;
  std::vector<int64_t> symbolSizes;   // -1: not known yet
  std::vector<unsigned> symbolInputs; // the input that fixed a symbol's size
  std::vector<fovea_tensor> inputTable;
  std::vector<fovea_tensor> outputTable;
  ReusableBuffer workspace;
};

/// One entry function of loaded code.
class CompiledEntry {
public:
  using Run = void(const fovea_context *, const fovea_tensor *, const fovea_tensor *);
  using WorkspaceSize = int64_t(const fovea_tensor *, int64_t);
  using ResultShapes = void(const fovea_tensor *, int64_t *const *);

  static llvm::Expected<std::unique_ptr<CompiledEntry>> load(Jit &jit, EntrySignature signature);

  const EntrySignature &signature() const { return spec; }

  /// Checks the inputs, and fills the state's inputs and output sizes. Allocates nothing.
  llvm::Error bindInputs(llvm::ArrayRef<NamedView> inputs, RunState &state) const;
  llvm::Error inferOutputSizes(RunState &state) const;
  /// What a run needs on inputs that are bound and outputs whose sizes are known.
  llvm::Expected<MemoryUse> measure(const RunState &state, const Executable::Impl &impl) const;
  /// For bound inputs: infers the output sizes, checks the limit on memory, packs strided inputs.
  llvm::Error prepare(RunState &state, const Executable::Impl &impl) const;
  /// Checks the caller's outputs, whose sizes must be those inferred.
  llvm::Error bindOutputs(llvm::ArrayRef<NamedMutableView> outputs, RunState &state) const;
  /// Reserves the workspace and runs on bound inputs and outputs.
  llvm::Error call(RunState &state, const Executable::Impl &impl, Trace *trace = nullptr) const;

  std::unique_ptr<RunState> takeState();
  void giveState(std::unique_ptr<RunState> state);

private:
  CompiledEntry() = default;

  llvm::Error bindInput(unsigned index, const TensorView &view, RunState &state) const;
  llvm::Error packInputs(RunState &state) const;
  llvm::Expected<int64_t> workspaceFor(const RunState &state, int64_t workers) const;
  llvm::Error checkFits(unsigned index, const TensorView &view) const;
  llvm::Error checkDim(unsigned index, unsigned dim, int64_t size, RunState &state) const;
  llvm::Error checkConditions(const RunState &state) const;
  llvm::Error fail(const llvm::Twine &message) const;

  EntrySignature spec;
  std::vector<std::string> symbols;
  std::vector<std::vector<int>> symbolOfDim; // [input][dim], -1: none
  Run *runFunction = nullptr;
  WorkspaceSize *workspaceFunction = nullptr;
  ResultShapes *shapesFunction = nullptr; // null if all outputs have static shapes

  std::mutex mutex;
  std::vector<std::unique_ptr<RunState>> idle;
};

struct Executable::Impl {
  // First, so that it goes last: the code lives in it.
  std::optional<Jit> jit;
  WeightTable weights;
  std::vector<WeightSpec> weightSpecs;
  int64_t weightBytes = 0;
  int64_t maxBytes = 0; // of a run; 0: no limit
  std::unique_ptr<ThreadPool> pool;
  bool isTraced = false;
  std::vector<KernelSpec> kernels; // if it is
  Tracer::Kernels kernelOfTask;
  std::vector<EntrySignature> signatures;
  std::vector<std::unique_ptr<CompiledEntry>> entries;
  std::vector<Finding> report;
  std::vector<PhaseTime> times;

  llvm::Expected<CompiledEntry *> find(llvm::StringRef name) const;
  llvm::Expected<std::map<std::string, Tensor>> run(llvm::ArrayRef<NamedView> inputs,
                                                    llvm::StringRef entry, Trace *trace) const;
};

} // namespace fovea

#endif // FOVEA_RUNTIME_EXECUTABLEIMPL_H
