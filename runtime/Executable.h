// A compiled model in memory, ready to run. An Executable does not change: any number of threads
// may run it at once, each run on a workspace of its own, sharing the pool of threads.
#ifndef FOVEA_RUNTIME_EXECUTABLE_H
#define FOVEA_RUNTIME_EXECUTABLE_H

#include "runtime/Finding.h"
#include "runtime/Signature.h"
#include "runtime/Stopwatch.h"
#include "runtime/tensor/Tensor.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fovea {

struct Trace;

using NamedView = std::pair<std::string, TensorView>;
using NamedMutableView = std::pair<std::string, MutableTensorView>;

/// Bytes that a run needs.
struct MemoryUse {
  int64_t inputs = 0; // and packed copies of those that are strided
  int64_t results = 0;
  int64_t weights = 0;
  int64_t workspace = 0;

  /// The largest int64_t if they are more.
  int64_t total() const;
  /// "1.5 MiB (inputs 1 MiB, results 256 KiB, weights 0 B, workspace 256 KiB)".
  std::string str() const;
};

class Executable {
public:
  struct Impl;

  explicit Executable(std::unique_ptr<Impl> impl);
  Executable(Executable &&) noexcept;
  Executable &operator=(Executable &&) noexcept;
  ~Executable();

  /// Runs an entry, by default the only one or "main":
  /// `run({{"x", TensorView(ptr, {1, 1024, 512})}})`. Inputs may be strided and are not changed.
  /// An error says which input is missing, of another type, rank or size, or disagrees with
  /// another on a dim that both name, or that the run needs more memory than there is or than
  /// CompileOptions::maxBytes allows.
  llvm::Expected<std::map<std::string, Tensor>> run(llvm::ArrayRef<NamedView> inputs,
                                                    llvm::StringRef entry = "") const;

  /// The same into memory of the caller's: one view an output, of the size that the output has,
  /// overlapping neither each other nor any input, except that an output that is the input of its
  /// name updated (docs/language.md) may be the same contiguous view, which is then updated in
  /// place. With contiguous views, a run of sizes no larger than those of an earlier one allocates
  /// nothing.
  llvm::Error runInto(llvm::ArrayRef<NamedView> inputs, llvm::ArrayRef<NamedMutableView> outputs,
                      llvm::StringRef entry = "") const;

  /// The same as `run`, with the times of its kernels. Needs CompileOptions::trace.
  llvm::Expected<std::map<std::string, Tensor>>
  runTraced(llvm::ArrayRef<NamedView> inputs, Trace &trace, llvm::StringRef entry = "") const;

  /// What a run on these inputs needs; only their sizes count. The same errors as `run`.
  llvm::Expected<MemoryUse> memoryUse(llvm::ArrayRef<NamedView> inputs,
                                      llvm::StringRef entry = "") const;
  llvm::Expected<int64_t> workspaceBytes(llvm::ArrayRef<NamedView> inputs,
                                         llvm::StringRef entry = "") const;

  llvm::ArrayRef<EntrySignature> entries() const;

  /// The entry of that name, or the default one; an error lists the entries there are.
  llvm::Expected<const EntrySignature *> findEntry(llvm::StringRef name) const;

  /// What the passes said about fusion and vectorisation, in order.
  llvm::ArrayRef<Finding> report() const;

  llvm::ArrayRef<PhaseTime> compileTimes() const;

  /// The weights that the code reads, in the form in which it does.
  llvm::ArrayRef<WeightSpec> weights() const;

  /// The number of threads that a run uses, the caller's included.
  unsigned threads() const;

private:
  std::unique_ptr<Impl> impl;
};

} // namespace fovea

#endif // FOVEA_RUNTIME_EXECUTABLE_H
