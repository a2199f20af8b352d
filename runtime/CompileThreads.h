// Threads that a compilation works on.
#ifndef FOVEA_RUNTIME_COMPILETHREADS_H
#define FOVEA_RUNTIME_COMPILETHREADS_H

#include "mlir/IR/MLIRContext.h"
#include <memory>

namespace llvm {
class ThreadPoolInterface;
}

namespace fovea {

/// While it lives, passes over functions of the context, and mlir::parallelFor, run on `threads`
/// threads; 0: one for each CPU. Leaves a context alone that has threads of its own, and one
/// thread needs none.
class CompileThreads {
public:
  CompileThreads(mlir::MLIRContext *context, unsigned threads);
  ~CompileThreads();
  CompileThreads(const CompileThreads &) = delete;
  CompileThreads &operator=(const CompileThreads &) = delete;

private:
  mlir::MLIRContext *context;
  std::unique_ptr<llvm::ThreadPoolInterface> pool; // null if there is nothing to undo
};

} // namespace fovea

#endif // FOVEA_RUNTIME_COMPILETHREADS_H
