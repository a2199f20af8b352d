#include "runtime/Lowering.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "passes/TargetInfo.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/raw_ostream.h"

using namespace fovea;
using namespace mlir;

namespace {
/// Takes all diagnostics of a context while it lives.
class DiagnosticCollector {
public:
  DiagnosticCollector(MLIRContext *context, llvm::function_ref<void(StringRef)> report)
      : report(report),
        handler(context, [this](mlir::Diagnostic &diagnostic) { handle(diagnostic); }) {}

  /// The errors, or `fallback` if a pass failed without saying why.
  llvm::Error takeErrors(StringRef fallback) {
    return llvm::createStringError(errors.empty() ? fallback.str() : errors);
  }

private:
  void handle(mlir::Diagnostic &diagnostic);

  llvm::function_ref<void(StringRef)> report;
  std::string errors;
  ScopedDiagnosticHandler handler;
};
} // namespace

/// Prefers the innermost place in a file; generated ops have places made of several.
static FileLineColLoc findFilePlace(Location loc) {
  FileLineColLoc found;
  loc->walk([&](Location inner) {
    found = dyn_cast<FileLineColLoc>(inner);
    return found ? WalkResult::interrupt() : WalkResult::advance();
  });
  return found;
}

static void render(llvm::raw_ostream &os, mlir::Diagnostic &diagnostic, StringRef severity) {
  if (FileLineColLoc place = findFilePlace(diagnostic.getLocation()))
    os << place.getFilename().getValue() << ":" << place.getLine() << ":" << place.getColumn()
       << ": ";
  os << severity << ": " << diagnostic.str();
  for (mlir::Diagnostic &note : diagnostic.getNotes()) {
    os << "\n";
    render(os, note, "note");
  }
}

void DiagnosticCollector::handle(mlir::Diagnostic &diagnostic) {
  std::string text;
  llvm::raw_string_ostream os(text);
  switch (diagnostic.getSeverity()) {
  case DiagnosticSeverity::Error:
    render(os, diagnostic, "error");
    errors += (errors.empty() ? "" : "\n") + text;
    return;
  case DiagnosticSeverity::Warning:
    render(os, diagnostic, "warning");
    break;
  case DiagnosticSeverity::Remark:
    render(os, diagnostic, "remark");
    break;
  case DiagnosticSeverity::Note:
    render(os, diagnostic, "note");
    break;
  }
  report(text);
}

static llvm::Error checkOptions(const LoweringOptions &options) {
  if (options.route != "fast" && options.route != "reference")
    return llvm::createStringError("expected the route fast or reference, got '" + options.route +
                                   "'");
  if (findTarget(options.target))
    return llvm::Error::success();
  std::string names;
  for (const TargetInfo &target : allTargets())
    names += (names.empty() ? "" : ", ") + target.name.str();
  return llvm::createStringError("expected one of the targets " + names + ", got '" +
                                 options.target + "'");
}

/// An entry that others call stays as a function of the module.
static void eraseOtherEntries(ModuleOp module, StringRef kept) {
  for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
    if (!function.isPublic() || function.getName() == kept)
      continue;
    if (SymbolTable::symbolKnownUseEmpty(function, module))
      function.erase();
    else
      function.setPrivate();
  }
}

/// Checks the module once, after all passes of the phase: checking after each takes as long as the
/// passes, and the tests do it.
static LogicalResult runPhase(ModuleOp module, Phase phase, const FoveaPipelineOptions &options) {
  PassManager passes(module.getContext());
  passes.enableVerifier(false);
  buildPhase(passes, phase, options);
  if (failed(passes.run(module)))
    return failure();
  return verify(module);
}

llvm::Expected<OwningOpRef<ModuleOp>> fovea::lower(ModuleOp module, const LoweringOptions &options,
                                                   llvm::function_ref<void(StringRef)> report) {
  if (llvm::Error error = checkOptions(options))
    return std::move(error);
  DiagnosticCollector diagnostics(module.getContext(), report);
  if (failed(verify(module)))
    return diagnostics.takeErrors("the module is invalid");
  FoveaPipelineOptions pipelineOptions;
  pipelineOptions.route = options.route == "reference" ? Route::Reference : Route::Fast;
  pipelineOptions.target = options.target;
  OwningOpRef<ModuleOp> lowered(module.clone());
  if (!options.entry.empty())
    eraseOtherEntries(*lowered, options.entry);
  for (Phase phase : loweringPhases) {
    if (phase > options.phase)
      break;
    if (failed(runPhase(*lowered, phase, pipelineOptions)))
      return diagnostics.takeErrors("a pass failed without saying why");
  }
  return lowered;
}
