// The route of users without LLVM: a shared library, through the C interface.
#ifndef FOVEA_TESTS_FUZZ_SHAREDLIBRARY_H
#define FOVEA_TESTS_FUZZ_SHAREDLIBRARY_H

#include "mlir/IR/BuiltinOps.h"
#include "tests/fuzz/Case.h"

namespace fovea::fuzz {

/// Compiles the entry `fuzz` into a library, loads it, and runs it on one thread into tensors of
/// the sizes that the library gives, which must be those of `like`.
llvm::Expected<std::vector<std::pair<std::string, Tensor>>>
runSharedLibrary(mlir::ModuleOp module, llvm::ArrayRef<Input> inputs,
                 llvm::ArrayRef<std::pair<std::string, Tensor>> like);

} // namespace fovea::fuzz

#endif // FOVEA_TESTS_FUZZ_SHAREDLIBRARY_H
