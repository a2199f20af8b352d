#include "runtime/CompileThreads.h"
#include "runtime/ThreadPool.h"
#include "llvm/Support/ThreadPool.h"

using namespace fovea;

CompileThreads::CompileThreads(mlir::MLIRContext *context, unsigned threads) : context(context) {
  if (threads == 0)
    threads = availableThreads();
  if (threads == 1 || context->isMultithreadingEnabled())
    return;
  pool = std::make_unique<llvm::DefaultThreadPool>(llvm::hardware_concurrency(threads));
  context->setThreadPool(*pool);
}

CompileThreads::~CompileThreads() {
  if (pool)
    context->disableMultithreading();
}
