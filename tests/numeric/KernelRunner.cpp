#include "tests/numeric/KernelRunner.h"
#include "dialect/AttnDialect.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "passes/Pipelines.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace fovea::test;

// Kernels leave their scratch memory to attn-plan-buffers, which works on whole modules; here it is
// freed where it was allocated.
static constexpr llvm::StringLiteral lowering =
    "buffer-deallocation-pipeline,"
    "func.func(canonicalize,cse,loop-invariant-code-motion,llvm-request-c-wrappers),"
    "expand-strided-metadata,lower-affine,convert-scf-to-cf,canonicalize,convert-vector-to-llvm,"
    "arith-expand{include-bf16=true},func.func(convert-math-to-llvm),convert-math-to-libm,convert-"
    "index-to-llvm,"
    "convert-arith-to-llvm,finalize-memref-to-llvm,convert-func-to-llvm,convert-cf-to-llvm,"
    "reconcile-unrealized-casts";

static const DialectRegistry &registry() {
  static const DialectRegistry registry = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    registerAllPasses();
    fovea::registerFoveaPassesAndPipelines();
    DialectRegistry registry;
    registerAllDialects(registry);
    registerAllExtensions(registry);
    registerAllToLLVMIRTranslations(registry);
    registry.insert<fovea::attn::AttnDialect>();
    return registry;
  }();
  return registry;
}

static llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

static llvm::Error lower(ModuleOp module, llvm::StringRef passes) {
  PassManager pm(module.getContext());
  std::string pipeline = ("func.func(" + passes + ")," + lowering).str();
  if (failed(parsePassPipeline(pipeline, pm)))
    return makeError("bad pipeline: " + pipeline);
  if (failed(pm.run(module)))
    return makeError("a pass failed");
  return llvm::Error::success();
}

static llvm::Expected<std::unique_ptr<ExecutionEngine>> compile(ModuleOp module) {
  auto builder = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!builder)
    return builder.takeError();
  builder->setCodeGenOptLevel(llvm::CodeGenOptLevel::Aggressive);
  auto machine = builder->createTargetMachine();
  if (!machine)
    return machine.takeError();
  auto optimize = makeOptimizingTransformer(3, 0, machine->get());
  ExecutionEngineOptions options;
  options.transformer = optimize;
  options.jitCodeGenOptLevel = llvm::CodeGenOptLevel::Aggressive;
  auto forEngine = builder->createTargetMachine();
  if (!forEngine)
    return forEngine.takeError();
  return ExecutionEngine::create(module, options, std::move(*forEngine));
}

llvm::Expected<KernelRunner> KernelRunner::create(llvm::StringRef source, llvm::StringRef passes) {
  MLIRContext context(registry(), MLIRContext::Threading::DISABLED);
  ScopedDiagnosticHandler handler(&context, [](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      llvm::errs() << diagnostic.getLocation() << ": " << diagnostic << "\n";
    return success();
  });
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(source, &context);
  if (!module)
    return makeError("cannot parse the module");
  if (llvm::Error error = lower(*module, passes))
    return error;
  auto engine = compile(*module);
  if (!engine)
    return engine.takeError();
  return KernelRunner(std::move(*engine));
}

llvm::Error KernelRunner::invoke(llvm::StringRef name, llvm::MutableArrayRef<void *> arguments) {
  return engine->invokePacked(("_mlir_ciface_" + name).str(), arguments);
}
