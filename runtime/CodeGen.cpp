#include "runtime/CodeGen.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Analysis/AssumptionCache.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/SimplifyQuery.h"
#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/SubtargetFeature.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"
#include "llvm/Transforms/IPO/Internalize.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"
#include "llvm/Transforms/Utils/LCSSA.h"
#include "llvm/Transforms/Utils/LoopRotationUtils.h"
#include "llvm/Transforms/Utils/LoopSimplify.h"
#include <mutex>

using namespace fovea;

/// LLVM's tables of targets are the process's; filling them twice at once is a race.
static void initializeNativeTarget() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::InitializeNativeTargetAsmParser();
  });
}

static void initializeAllTargets() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
  });
}

/// Where this machine is not as its CPU's name says. The rest need not be told: LLVM would work out
/// for each feature which others it implies.
static std::string hostFeatures(const llvm::Target &target, const llvm::Triple &triple,
                                llvm::StringRef cpu) {
  std::unique_ptr<llvm::MCSubtargetInfo> named(target.createMCSubtargetInfo(triple, cpu, ""));
  llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  llvm::SubtargetFeatures features;
  for (const llvm::SubtargetFeatureKV &feature : named->getAllProcessorFeatures())
    if (auto found = host.find(feature.Key);
        found != host.end() && found->second != named->getFeatureBits()[feature.Value])
      features.AddFeature(feature.Key, found->second);
  return features.getString();
}

/// LLVM aborts over 64-bit code for a CPU without the feature.
static bool isArch32Cpu(const llvm::Target &target, const llvm::Triple &triple,
                        llvm::StringRef cpu) {
  llvm::StringRef feature = triple.isX86() || triple.isRISCV() || triple.isLoongArch() ? "+64bit"
                            : triple.isMIPS()                                          ? "+gp64"
                                                                                       : "";
  std::unique_ptr<llvm::MCSubtargetInfo> info(target.createMCSubtargetInfo(triple, cpu, ""));
  return !feature.empty() && !info->checkFeatures(feature);
}

/// In x32, and ILP32 on Arm, pointers have 32 bits.
static bool isArch64(const llvm::Triple &triple) {
  return triple.isArch64Bit() && triple.isLittleEndian() && !triple.isX32() && !triple.isABIN32() &&
         triple.getEnvironment() != llvm::Triple::GNUILP32;
}

static llvm::CodeGenOptLevel codeGenLevel(unsigned optLevel) {
  return llvm::CodeGenOpt::getLevel(static_cast<int>(optLevel))
      .value_or(llvm::CodeGenOptLevel::Aggressive);
}

bool fovea::isOwnArchitecture(llvm::StringRef triple) {
  llvm::Triple own(llvm::sys::getProcessTriple()), other(llvm::Triple::normalize(triple));
  return triple.empty() || (own.getArch() == other.getArch() && own.getOS() == other.getOS());
}

/// What LLVM generates code for that is no CPU of a machine.
static bool isDeviceOrVirtual(const llvm::Triple &triple) {
  return triple.isGPU() || triple.isSPIR() || triple.isDXIL() || triple.isBPF() ||
         triple.isWasm() || triple.isVE();
}

llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
fovea::createTargetMachine(llvm::StringRef tripleName, llvm::StringRef cpu, unsigned optLevel) {
  if (optLevel > 3)
    return llvm::createStringError("expected an optimisation level from 0 to 3, got " +
                                   llvm::Twine(optLevel));
  initializeNativeTarget();
  bool isOwn = isOwnArchitecture(tripleName);
  if (!isOwn)
    initializeAllTargets();
  llvm::Triple triple(tripleName.empty() ? llvm::sys::getProcessTriple()
                                         : llvm::Triple::normalize(tripleName));
  std::string message;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target || !isArch64(triple) || isDeviceOrVirtual(triple))
    return llvm::createStringError("expected the triple of a little-endian 64-bit CPU that LLVM "
                                   "knows, got '" +
                                   tripleName + "'");
  bool native = cpu.empty() || cpu == "native";
  std::string name = !native ? cpu.str() : isOwn ? llvm::sys::getHostCPUName().str() : "generic";
  // Checked first: LLVM prints a warning to stderr for a name that it does not know.
  std::unique_ptr<llvm::MCSubtargetInfo> generic(target->createMCSubtargetInfo(triple, "", ""));
  if (!generic || !generic->isCPUStringValid(name) || isArch32Cpu(*target, triple, name))
    return llvm::createStringError("expected a CPU that LLVM knows for " + triple.getArchName() +
                                   ", or native, got '" + name + "'");
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, name, native && isOwn ? hostFeatures(*target, triple, name) : "",
      llvm::TargetOptions(), llvm::Reloc::PIC_, std::nullopt, codeGenLevel(optLevel)));
  if (!machine)
    return llvm::createStringError("LLVM cannot generate code for " + triple.str());
  return machine;
}

const TargetInfo &fovea::targetOf(const llvm::TargetMachine &machine) {
  std::vector<llvm::StringRef> present;
  for (llvm::StringRef feature :
       {"avx512f", "avx512vl", "avx512bw", "clzero", "avx2", "fma", "neon"}) {
    bool known = llvm::any_of(machine.getMCSubtargetInfo()->getAllProcessorFeatures(),
                              [&](const auto &entry) { return feature == entry.Key; });
    if (known && machine.getMCSubtargetInfo()->checkFeatures(("+" + feature).str()))
      present.push_back(feature);
  }
  return targetForFeatures(present);
}

llvm::Expected<std::string> fovea::chooseTarget(const llvm::TargetMachine &machine,
                                                llvm::StringRef wanted) {
  const TargetInfo &own = targetOf(machine);
  if (wanted.empty())
    return own.name.str();
  const TargetInfo *target = findTarget(wanted);
  if (target && target->exceeds(own))
    return llvm::createStringError("the CPU " + machine.getTargetCPU() +
                                   " lacks instructions of the target '" + wanted +
                                   "'; its own is '" + own.name + "'");
  return wanted.str();
}

static void prepare(llvm::Module &module, llvm::TargetMachine &machine,
                    llvm::function_ref<bool(llvm::StringRef)> isExported) {
  module.setTargetTriple(machine.getTargetTriple());
  module.setDataLayout(machine.createDataLayout());
  module.setPICLevel(llvm::PICLevel::BigPIC);
  llvm::internalizeModule(
      module, [&](const llvm::GlobalValue &value) { return isExported(value.getName()); });
  std::string width = llvm::utostr(targetOf(machine).vectorBits);
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    // Calls within the module need no indirection: nothing can replace its functions.
    function.setDSOLocal(true);
    function.addFnAttr(llvm::Attribute::NoUnwind);
    // Else LLVM splits 512-bit vectors on CPUs that it thinks slow with them.
    function.addFnAttr("prefer-vector-width", width);
  }
}

namespace {
/// Rotation of all loops. Does without scalar evolution and a record of memory, which the pass of
/// LLVM brings up to date after each loop: more than half of its time.
struct RotateLoops : llvm::PassInfoMixin<RotateLoops> {
  llvm::PreservedAnalyses run(llvm::Function &function, llvm::FunctionAnalysisManager &analyses) {
    auto &loops = analyses.getResult<llvm::LoopAnalysis>(function);
    auto &dominators = analyses.getResult<llvm::DominatorTreeAnalysis>(function);
    auto &assumptions = analyses.getResult<llvm::AssumptionAnalysis>(function);
    llvm::SimplifyQuery query(function.getDataLayout(), /*TLI=*/nullptr, &dominators, &assumptions);
    llvm::SmallVector<llvm::Loop *, 4> outerFirst = loops.getLoopsInPreorder();
    for (llvm::Loop *loop : llvm::reverse(outerFirst))
      llvm::LoopRotation(loop, &loops, &analyses.getResult<llvm::TargetIRAnalysis>(function),
                         &assumptions, &dominators, /*SE=*/nullptr, /*MSSAU=*/nullptr, query,
                         /*RotationOnly=*/false, maxHeaderSize, /*IsUtilMode=*/false);
    llvm::PreservedAnalyses preserved;
    preserved.preserve<llvm::DominatorTreeAnalysis>();
    preserved.preserve<llvm::LoopAnalysis>();
    return preserved;
  }
  static constexpr unsigned maxHeaderSize = 16;
};

/// Runs passes on functions with loops, and has code of others generated quickly. Those run once a
/// call: entries and what counts the workspace hand on numbers, while kernels loop over their
/// tasks. Selecting their instructions one by one leaves folded what was folded before.
class WhereLoops : public llvm::PassInfoMixin<WhereLoops> {
public:
  explicit WhereLoops(llvm::FunctionPassManager passes) : passes(std::move(passes)) {}
  llvm::PreservedAnalyses run(llvm::Function &function, llvm::FunctionAnalysisManager &analyses) {
    if (!analyses.getResult<llvm::LoopAnalysis>(function).empty())
      return passes.run(function, analyses);
    function.addFnAttr(llvm::Attribute::OptimizeNone);
    function.addFnAttr(llvm::Attribute::NoInline); // LLVM refuses the one without the other
    return llvm::PreservedAnalyses::all();
  }

private:
  llvm::FunctionPassManager passes;
};
} // namespace

/// What code of Fovea's own making needs: it is vectorised, tiled and unrolled already, so of
/// LLVM's pipeline only the clean-up of descriptors, common subexpressions and loop invariants
/// pays.
static llvm::ModulePassManager cleanupPipeline() {
  llvm::FunctionPassManager passes, ofLoops;
  passes.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  passes.addPass(llvm::EarlyCSEPass());
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::InstCombinePass(llvm::InstCombineOptions().setMaxIterations(1)));
  ofLoops.addPass(llvm::LoopSimplifyPass());
  ofLoops.addPass(llvm::LCSSAPass());
  ofLoops.addPass(RotateLoops());
  llvm::LoopPassManager loops;
  llvm::LICMOptions hoisting;
  // Sums that an emitter keeps in memory outnumber the registers: in registers they would be
  // spilled.
  hoisting.MssaNoAccForPromotionCap = 64;
  loops.addPass(llvm::LICMPass(hoisting));
  ofLoops.addPass(llvm::createFunctionToLoopPassAdaptor(std::move(loops), /*UseMemorySSA=*/true));
  ofLoops.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  ofLoops.addPass(llvm::InstCombinePass(llvm::InstCombineOptions().setMaxIterations(1)));
  ofLoops.addPass(llvm::SimplifyCFGPass());
  passes.addPass(WhereLoops(std::move(ofLoops)));
  llvm::ModulePassManager module;
  module.addPass(llvm::createModuleToFunctionPassAdaptor(std::move(passes)));
  module.addPass(llvm::GlobalDCEPass());
  return module;
}

static llvm::ModulePassManager pipelineOf(llvm::PassBuilder &builder, unsigned optLevel) {
  if (optLevel == 0)
    return builder.buildO0DefaultPipeline(llvm::OptimizationLevel::O0);
  if (optLevel == 3)
    return builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3);
  return cleanupPipeline();
}

llvm::Error fovea::optimize(llvm::Module &module, llvm::TargetMachine &machine, unsigned optLevel,
                            llvm::function_ref<bool(llvm::StringRef)> isExported) {
  prepare(module, machine, isExported);
  std::string message;
  llvm::raw_string_ostream os(message);
  if (llvm::verifyModule(module, &os))
    return llvm::createStringError("the compiler made invalid LLVM IR: " + message);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  pipelineOf(builder, optLevel).run(module, modules);
  return llvm::Error::success();
}

namespace {
/// LLVM's code generation without what does not pay for kernels. Addresses in their loops are few
/// and next to each other already, so that reducing them took a third of the time for nothing.
/// Instructions are in good order before registers are given out; the CPU does what a second
/// scheduling does.
class KernelPassManager : public llvm::legacy::PassManager {
public:
  void add(llvm::Pass *pass) override {
    llvm::StringRef name = pass->getPassName();
    if (name == "Loop Strength Reduction" || name == "Canonicalize Freeze Instructions in Loops" ||
        name == "Post RA top-down list latency scheduler")
      delete pass;
    else
      PassManager::add(pass);
  }
};
} // namespace

static llvm::Expected<std::string> emit(llvm::Module &module, llvm::TargetMachine &machine,
                                        llvm::CodeGenFileType type) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream os(bytes);
  KernelPassManager passes;
  if (machine.addPassesToEmitFile(passes, os, /*DwoOut=*/nullptr, type, /*DisableVerify=*/true))
    return llvm::createStringError("LLVM cannot emit this kind of file for " +
                                   machine.getTargetTriple().str());
  passes.run(module);
  return std::string(bytes.begin(), bytes.end());
}

llvm::Expected<std::string> fovea::emitObject(llvm::Module &module, llvm::TargetMachine &machine) {
  return emit(module, machine, llvm::CodeGenFileType::ObjectFile);
}

llvm::Expected<std::string> fovea::emitAssembly(llvm::Module &module,
                                                llvm::TargetMachine &machine) {
  return emit(module, machine, llvm::CodeGenFileType::AssemblyFile);
}
