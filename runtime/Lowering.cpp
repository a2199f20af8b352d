#include "runtime/Lowering.h"
#include "dialect/AttnDialect.h"
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Entries.h"
#include "passes/TargetInfo.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/raw_ostream.h"

using namespace fovea;
using namespace mlir;

namespace {
/// Takes all diagnostics of a context while it lives.
class DiagnosticCollector {
public:
  DiagnosticCollector(MLIRContext *context, const Requirements &require, LoweringObserver &observer)
      : require(require), observer(observer),
        handler(context, [this](mlir::Diagnostic &diagnostic) { handle(diagnostic); }) {}

  bool hasErrors() const { return !errors.empty(); }
  /// The errors, or `fallback` if a pass failed without saying why.
  llvm::Error takeErrors(StringRef fallback) {
    return llvm::createStringError(errors.empty() ? fallback.str() : errors);
  }

private:
  void handle(mlir::Diagnostic &diagnostic);

  const Requirements &require;
  LoweringObserver &observer;
  std::string errors;
  ScopedDiagnosticHandler handler;
};

/// Shows the module to the observer when its memory has been planned.
class PlanObservation : public PassInstrumentation {
public:
  explicit PlanObservation(LoweringObserver &observer) : observer(observer) {}
  void runAfterPass(Pass *pass, Operation *op) override {
    if (pass->getArgument() == "attn-plan-buffers")
      observer.planned(cast<ModuleOp>(op));
  }

private:
  LoweringObserver &observer;
};
} // namespace

void DiagnosticCollector::handle(mlir::Diagnostic &diagnostic) {
  Finding finding = Finding::of(diagnostic);
  StringRef broken = require.brokenBy(finding);
  if (!broken.empty()) {
    finding.severity = Finding::Severity::Error;
    finding.message += " (--require=" + broken.str() + ")";
  }
  if (finding.severity == Finding::Severity::Error)
    errors += (errors.empty() ? "" : "\n") + finding.str();
  else
    observer.found(finding);
}

static llvm::Error checkOptions(const LoweringOptions &options) {
  if (options.route != "fast" && options.route != "reference")
    return llvm::createStringError("expected the route fast or reference, got '" + options.route +
                                   "'");
  if (!options.quantize.empty() && !attn::symbolizeWeightFormat(options.quantize))
    return llvm::createStringError("expected weights to be quantised as q8 or q4, got '" +
                                   options.quantize + "'");
  if (!options.quantize.empty() && options.route == "reference")
    return llvm::createStringError("the reference route has no quantised weights");
  if (findTarget(options.target))
    return llvm::Error::success();
  std::string names;
  for (const TargetInfo &target : allTargets())
    names += (names.empty() ? "" : ", ") + target.name.str();
  return llvm::createStringError("expected one of the targets " + names + ", got '" +
                                 options.target + "'");
}

/// Code holds the sizes of weights, which no argument has. Of weights that are used, so after the
/// passes that drop others.
static LogicalResult checkWeightSizes(ModuleOp module) {
  return failure(module
                     .walk([](attn::WeightOp op) {
                       if (cast<ShapedType>(op.getType()).hasStaticShape())
                         return WalkResult::advance();
                       op.emitError()
                           << "weight '" << op.getName()
                           << "': expected sizes that are known when it is compiled, got "
                           << op.getType()
                           << ": make them params or constants, or give them with --set";
                       return WalkResult::interrupt();
                     })
                     .wasInterrupted());
}

/// Checks the module once, after all passes of the phase: checking after each takes as long as the
/// passes, and the tests do it. Kernels are checked in their last form, the LLVM dialect.
static LogicalResult runPhase(ModuleOp module, Phase phase, bool isLast,
                              const FoveaPipelineOptions &options, LoweringObserver &observer) {
  PassManager passes(module.getContext());
  passes.enableVerifier(false);
  passes.addInstrumentation(std::make_unique<PlanObservation>(observer));
  buildPhase(passes, phase, options);
  if (failed(passes.run(module)))
    return failure();
  return isLast || phase < Phase::Vector ? verify(module) : success();
}

llvm::Expected<OwningOpRef<ModuleOp>> fovea::lower(ModuleOp module, const LoweringOptions &options,
                                                   LoweringObserver &observer) {
  if (llvm::Error error = checkOptions(options))
    return std::move(error);
  DiagnosticCollector diagnostics(module.getContext(), options.require, observer);
  if (failed(verify(module)))
    return diagnostics.takeErrors("the module is invalid");
  FoveaPipelineOptions pipelineOptions;
  pipelineOptions.route = options.route == "reference" ? Route::Reference : Route::Fast;
  pipelineOptions.target = options.target;
  pipelineOptions.separateKernels = options.separateKernels;
  pipelineOptions.quantize = options.quantize;
  OwningOpRef<ModuleOp> lowered(module.clone());
  if (!options.entry.empty())
    keepEntry(*lowered, options.entry);
  observer.started(options);
  observer.reached(Phase::Input, *lowered);
  for (Phase phase : loweringPhases) {
    if (phase > options.phase)
      break;
    bool isLast = phase == options.phase;
    if (failed(runPhase(*lowered, phase, isLast, pipelineOptions, observer)) ||
        (phase == Phase::Fused && options.phase >= Phase::Llvm &&
         failed(checkWeightSizes(*lowered))) ||
        diagnostics.hasErrors())
      return diagnostics.takeErrors("a pass failed without saying why");
    observer.reached(phase, *lowered);
  }
  return lowered;
}
