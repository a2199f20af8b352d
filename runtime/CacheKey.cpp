#include "runtime/CacheKey.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "runtime/Compile.h"
#include "runtime/CompilerIdentity.h"
#include "llvm/Target/TargetMachine.h"

using namespace fovea;

std::string fovea::cacheKey(mlir::ModuleOp module, const CompileOptions &options,
                            const llvm::TargetMachine &machine) {
  std::string key = compilerIdentity();
  if (key.empty())
    return key;
  llvm::raw_string_ostream os(key);
  // Each with its length, so that no two keys are one.
  for (llvm::StringRef part :
       {llvm::StringRef(machine.getTargetTriple().str()), machine.getTargetCPU(),
        machine.getTargetFeatureString(), llvm::StringRef(options.route),
        llvm::StringRef(options.target), llvm::StringRef(options.quantize),
        llvm::StringRef(options.entry)})
    os << "\n" << part.size() << " " << part;
  os << "\n" << options.optLevel << options.require.fused << options.require.vectorized << "\n";
  if (failed(mlir::writeBytecodeToFile(module, os)))
    return "";
  return key;
}
