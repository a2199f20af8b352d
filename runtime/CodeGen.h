// From LLVM IR to machine code: the target machine, the optimiser and the emitters. Code for the
// JIT and code for files go the same way, so they are the same code.
#ifndef FOVEA_RUNTIME_CODEGEN_H
#define FOVEA_RUNTIME_CODEGEN_H

#include "passes/TargetInfo.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace fovea {

/// Code generation for a target triple, this machine's own if it is empty, and a CPU: LLVM's name
/// of it, or "native" for the one this runs on with all its features. With a foreign architecture
/// "native" is the least of its CPUs. Position independent. `optLevel` is 0 to 3.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(llvm::StringRef triple, llvm::StringRef cpu, unsigned optLevel);

/// Whether code for that triple, which may be empty, can run here.
bool isOwnArchitecture(llvm::StringRef triple);

/// The row of the target table for that machine's CPU.
const TargetInfo &targetOf(const llvm::TargetMachine &machine);

/// The name of the row to compile for: `wanted`, or the machine's own where that is empty. An error
/// if code for it has instructions that the machine lacks, at which LLVM would abort.
llvm::Expected<std::string> chooseTarget(const llvm::TargetMachine &machine,
                                         llvm::StringRef wanted);

/// Sets the module up for the machine and optimises it: not at all at level 0, at 1 and 2 by the
/// few passes that change code of Fovea's making, at 3 by LLVM's whole pipeline, which takes
/// several times as long. Functions that `isExported` does not name become internal.
llvm::Error optimize(llvm::Module &module, llvm::TargetMachine &machine, unsigned optLevel,
                     llvm::function_ref<bool(llvm::StringRef)> isExported);

/// The bytes of an ELF object, and the text of an assembly file.
llvm::Expected<std::string> emitObject(llvm::Module &module, llvm::TargetMachine &machine);
llvm::Expected<std::string> emitAssembly(llvm::Module &module, llvm::TargetMachine &machine);

} // namespace fovea

#endif // FOVEA_RUNTIME_CODEGEN_H
