// One compilation, step by step: what `compile` and its like (runtime/Compile.h) are made of.
#ifndef FOVEA_RUNTIME_COMPILATION_H
#define FOVEA_RUNTIME_COMPILATION_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "runtime/CodeCache.h"
#include "runtime/CodeUnits.h"
#include "runtime/Compile.h"
#include "runtime/CompileThreads.h"
#include "runtime/ExecutableImpl.h"
#include "llvm/Target/TargetMachine.h"

namespace fovea {

/// A step may be called once those before it have succeeded.
class Compilation {
public:
  Compilation(mlir::ModuleOp module, const CompileOptions &options)
      : module(module), options(options), compileThreads(module.getContext(), options.threads),
        units({options.triple, options.cpu, options.optLevel}) {}

  llvm::Error createMachine();
  llvm::Error lowerTo(Phase phase);
  llvm::Error translateAndOptimize(unsigned maxUnits);
  llvm::Expected<std::vector<std::string>> emitObjects();
  llvm::Expected<std::string> emit(CodeKind kind);
  /// All of an executable but its weights.
  llvm::Expected<std::unique_ptr<Executable::Impl>> link(llvm::ArrayRef<std::string> objects);
  unsigned maxUnits() const;

  // Instead of all steps but the first and the last:
  bool usesCache();
  std::optional<std::vector<std::string>> findObjects();
  void storeObjects(llvm::ArrayRef<std::string> objects);

  mlir::ModuleOp module;
  const CompileOptions &options;
  CompileThreads compileThreads;
  std::unique_ptr<llvm::TargetMachine> machine;
  mlir::OwningOpRef<mlir::ModuleOp> lowered;
  CodeUnits units;
  std::vector<EntrySignature> signatures;
  std::vector<WeightSpec> weights;
  std::vector<KernelSpec> kernels;
  std::vector<Finding> report;
  std::vector<PhaseTime> times;

private:
  llvm::Error readEntries();
  bool adopt(const CachedCode &code);
  CodeCache cache() const { return CodeCache(options.cacheDirectory, options.cacheBytes); }
  bool isExported(llvm::StringRef symbol) const;
  llvm::Error findKernels(Executable::Impl &impl) const;

  std::string key;         // of the cache, if it is used
  std::string weightsText; // what the cache keeps of `lowered`
};

/// A warning of the report: what keeps code or weights out of the cache.
Finding cacheWarning(std::string message);

} // namespace fovea

#endif // FOVEA_RUNTIME_COMPILATION_H
