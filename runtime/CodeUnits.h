// From a module of the LLVM dialect to machine code, in one unit or in several at once on the
// threads of the module's context.
#ifndef FOVEA_RUNTIME_CODEUNITS_H
#define FOVEA_RUNTIME_CODEUNITS_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <vector>

namespace fovea {

/// What code is generated for, as createTargetMachine takes it.
struct CodeTarget {
  std::string triple, cpu;
  unsigned optLevel = 2;
};

class CodeUnits {
public:
  explicit CodeUnits(CodeTarget target);
  CodeUnits(CodeUnits &&) noexcept;
  ~CodeUnits();

  // A step may be called once the one before it has succeeded.

  /// To LLVM IR, in at most `count` units.
  llvm::Error translate(mlir::OwningOpRef<mlir::ModuleOp> lowered, unsigned count);
  /// As fovea::optimize.
  llvm::Error optimize(llvm::function_ref<bool(llvm::StringRef)> isExported);
  /// An object a unit; they need each other. What they were made of is freed.
  llvm::Expected<std::vector<std::string>> emitObjects();
  /// Text, of a single unit.
  llvm::Expected<std::string> emitAssembly();
  std::string printIr() const;

private:
  struct Unit;
  llvm::Error forEachUnit(llvm::function_ref<llvm::Error(Unit &)> step);

  CodeTarget target;
  mlir::MLIRContext *context = nullptr;
  std::vector<std::unique_ptr<Unit>> units;
  llvm::StringSet<> shared; // functions of one unit that others call
};

} // namespace fovea

#endif // FOVEA_RUNTIME_CODEUNITS_H
