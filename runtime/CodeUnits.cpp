#include "runtime/CodeUnits.h"
#include "mlir/IR/Threading.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "runtime/CodeGen.h"
#include "runtime/SplitModule.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"

using namespace fovea;

/// Nothing in it is shared with other units, so that threads can work on each.
struct CodeUnits::Unit {
  mlir::OwningOpRef<mlir::ModuleOp> lowered;
  std::unique_ptr<llvm::TargetMachine> machine;
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code;
  std::string object;
};

CodeUnits::CodeUnits(CodeTarget target) : target(std::move(target)) {}
CodeUnits::CodeUnits(CodeUnits &&) noexcept = default;
CodeUnits::~CodeUnits() = default;

/// The first unit whose step fails tells why.
llvm::Error CodeUnits::forEachUnit(llvm::function_ref<llvm::Error(Unit &)> step) {
  std::vector<std::string> errors(units.size());
  mlir::parallelFor(context, 0, units.size(), [&](size_t i) {
    if (llvm::Error error = step(*units[i]))
      errors[i] = llvm::toString(std::move(error));
  });
  auto failed = llvm::find_if(errors, [](const std::string &text) { return !text.empty(); });
  return failed == errors.end() ? llvm::Error::success() : llvm::createStringError(*failed);
}

llvm::Error CodeUnits::translate(mlir::OwningOpRef<mlir::ModuleOp> lowered, unsigned count) {
  context = lowered->getContext();
  SplitModule split = splitModule(std::move(lowered), count);
  shared = std::move(split.shared);
  for (mlir::OwningOpRef<mlir::ModuleOp> &part : split.parts) {
    units.push_back(std::make_unique<Unit>());
    units.back()->lowered = std::move(part);
  }
  return forEachUnit([&](Unit &unit) -> llvm::Error {
    auto machine = createTargetMachine(target.triple, target.cpu, target.optLevel);
    if (!machine)
      return machine.takeError();
    unit.machine = std::move(*machine);
    // `optimize` verifies the code, and says what is wrong with it.
    unit.code = mlir::translateModuleToLLVMIR(*unit.lowered, unit.context, "fovea",
                                              /*disableVerification=*/true);
    if (!unit.code)
      return llvm::createStringError("the lowered module has no form in LLVM IR");
    unit.lowered = nullptr;
    return llvm::Error::success();
  });
}

llvm::Error CodeUnits::optimize(llvm::function_ref<bool(llvm::StringRef)> isExported) {
  return forEachUnit([&](Unit &unit) {
    return fovea::optimize(*unit.code, *unit.machine, target.optLevel, [&](llvm::StringRef name) {
      return shared.contains(name) || isExported(name);
    });
  });
}

llvm::Expected<std::vector<std::string>> CodeUnits::emitObjects() {
  llvm::Error error = forEachUnit(
      [](Unit &unit) { return emitObject(*unit.code, *unit.machine).moveInto(unit.object); });
  if (error)
    return std::move(error);
  std::vector<std::string> objects;
  for (std::unique_ptr<Unit> &unit : units)
    objects.push_back(std::move(unit->object));
  units.clear();
  return objects;
}

llvm::Expected<std::string> CodeUnits::emitAssembly() {
  return fovea::emitAssembly(*units.front()->code, *units.front()->machine);
}

std::string CodeUnits::printIr() const {
  std::string text;
  llvm::raw_string_ostream(text) << *units.front()->code;
  return text;
}
