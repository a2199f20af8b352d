#include "runtime/Compilation.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "runtime/CacheKey.h"
#include "runtime/CodeGen.h"
#include "runtime/Lowering.h"
#include "runtime/Stopwatch.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace fovea;

/// What attn.launch is lowered to: see convert-attn-to-llvm.
constexpr llvm::StringLiteral taskSuffix = ".task";

namespace {
/// Keeps what is found, and passes all on to the observer that the caller may have.
class Recorder : public LoweringObserver {
public:
  Recorder(std::vector<Finding> &findings, LoweringObserver *next)
      : findings(findings), next(next) {}
  void started(const LoweringOptions &options) override {
    if (next)
      next->started(options);
  }
  void found(const Finding &finding) override {
    findings.push_back(finding);
    if (next)
      next->found(finding);
  }
  void reached(Phase phase, mlir::ModuleOp module) override {
    if (next)
      next->reached(phase, module);
  }
  void planned(mlir::ModuleOp module) override {
    if (next)
      next->planned(module);
  }

private:
  std::vector<Finding> &findings;
  LoweringObserver *next;
};
} // namespace

static std::vector<KernelSpec> readKernels(mlir::ModuleOp module) {
  std::vector<KernelSpec> kernels;
  for (auto function : module.getOps<mlir::LLVM::LLVMFuncOp>()) {
    llvm::StringRef name = function.getName();
    if (name.consume_back(taskSuffix))
      kernels.push_back({function.getName().str(), name.str(), placeOf(function.getLoc())});
  }
  return kernels;
}

llvm::Error Compilation::createMachine() {
  auto created = createTargetMachine(options.triple, options.cpu, options.optLevel);
  if (!created)
    return created.takeError();
  machine = std::move(*created);
  return llvm::Error::success();
}

llvm::Error Compilation::readEntries() {
  auto read = readSignatures(module);
  if (!read)
    return read.takeError();
  signatures = std::move(*read);
  if (options.entry.empty())
    return llvm::Error::success();
  std::string names;
  for (const EntrySignature &entry : signatures)
    names += (names.empty() ? "" : ", ") + entry.name;
  llvm::erase_if(signatures, [&](const auto &entry) { return entry.name != options.entry; });
  if (signatures.empty())
    return llvm::createStringError("there is no entry '" + options.entry + "'; the entries are " +
                                   names);
  return llvm::Error::success();
}

llvm::Error Compilation::lowerTo(Phase phase) {
  Stopwatch watch(times, "passes");
  if (llvm::Error error = readEntries())
    return error;
  llvm::Expected<std::string> target = chooseTarget(*machine, options.target);
  if (!target)
    return target.takeError();
  LoweringOptions lowering;
  lowering.route = options.route;
  lowering.target = std::move(*target);
  lowering.entry = options.entry;
  lowering.quantize = options.quantize;
  lowering.phase = phase;
  lowering.require = options.require;
  lowering.separateKernels = options.trace;
  Recorder recorder(report, options.observer);
  auto result = lower(module, lowering, recorder);
  if (!result)
    return result.takeError();
  lowered = std::move(*result);
  return llvm::Error::success();
}

bool Compilation::isExported(llvm::StringRef symbol) const {
  if (options.trace && symbol.ends_with(taskSuffix))
    return true;
  return llvm::any_of(signatures, [&](const EntrySignature &entry) {
    llvm::StringRef rest = symbol;
    return rest.consume_front(entry.name) &&
           (rest.empty() || rest == "_workspace_size" || rest == "_result_shapes");
  });
}

/// LLVM's whole pipeline inlines, and wants to see everything for that.
unsigned Compilation::maxUnits() const {
  unsigned threads = options.threads == 0 ? availableThreads() : options.threads;
  return threads == 1 || options.optLevel == 3 ? 1 : 2 * threads;
}

llvm::Error Compilation::translateAndOptimize(unsigned maxUnits) {
  {
    Stopwatch watch(times, "translation");
    auto read = readWeights(*lowered);
    if (!read)
      return read.takeError();
    weights = std::move(*read);
    if (mlir::Attribute table = (*lowered)->getAttr("attn.weights"))
      llvm::raw_string_ostream(weightsText) << table;
    if (options.trace)
      kernels = readKernels(*lowered);
    if (llvm::Error error = units.translate(std::move(lowered), maxUnits))
      return error;
  }
  Stopwatch watch(times, "llvm optimisation");
  return units.optimize([&](llvm::StringRef symbol) { return isExported(symbol); });
}

llvm::Expected<std::vector<std::string>> Compilation::emitObjects() {
  Stopwatch watch(times, "code generation");
  return units.emitObjects();
}

/// From a single unit.
llvm::Expected<std::string> Compilation::emit(CodeKind kind) {
  switch (kind) {
  case CodeKind::Assembly:
    return units.emitAssembly();
  case CodeKind::LlvmIr:
    return units.printIr();
  case CodeKind::Object:
    break;
  }
  llvm::Expected<std::vector<std::string>> objects = emitObjects();
  if (!objects)
    return objects.takeError();
  return std::move(objects->front());
}

llvm::Error Compilation::findKernels(Executable::Impl &impl) const {
  impl.isTraced = options.trace;
  impl.kernels = kernels;
  for (const auto &[number, kernel] : llvm::enumerate(kernels)) {
    auto task = impl.jit->lookup<std::remove_pointer_t<fovea_task>>(kernel.task);
    if (!task)
      return task.takeError();
    impl.kernelOfTask[*task] = number;
  }
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<Executable::Impl>>
Compilation::link(llvm::ArrayRef<std::string> objects) {
  auto impl = std::make_unique<Executable::Impl>();
  {
    Stopwatch watch(times, "linking");
    llvm::Expected<Jit> jit = Jit::load(objects);
    if (!jit)
      return jit.takeError();
    impl->jit.emplace(std::move(*jit));
    for (const EntrySignature &signature : signatures) {
      auto entry = CompiledEntry::load(*impl->jit, signature);
      if (!entry)
        return entry.takeError();
      impl->entries.push_back(std::move(*entry));
    }
    if (llvm::Error error = findKernels(*impl))
      return std::move(error);
  }
  impl->pool = std::make_unique<ThreadPool>(options.threads);
  for (const WeightSpec &weight : weights)
    impl->weightBytes += weight.numBytes();
  impl->weightSpecs = std::move(weights);
  impl->maxBytes = options.maxBytes;
  impl->signatures = std::move(signatures);
  impl->report = std::move(report);
  impl->times = std::move(times);
  return impl;
}

//===----------------------------------------------------------------------===//
// The cache
//===----------------------------------------------------------------------===//

Finding fovea::cacheWarning(std::string message) {
  return {{}, Finding::Severity::Warning, "cache", std::move(message), Shortfall::None, {}};
}

bool Compilation::usesCache() {
  if (options.cacheDirectory.empty() || options.trace || options.observer)
    return false;
  Stopwatch watch(times, "cache key");
  key = cacheKey(module, options, *machine);
  if (key.empty())
    report.push_back(cacheWarning("code is not stored: the build of this compiler is not known"));
  return !key.empty();
}

/// Takes over what a compilation has left. False if it makes no sense, which is then forgotten.
bool Compilation::adopt(const CachedCode &code) {
  mlir::ScopedDiagnosticHandler silence(module.getContext(),
                                        [](mlir::Diagnostic &) { return mlir::success(); });
  mlir::OwningOpRef<mlir::ModuleOp> holder = mlir::ModuleOp::create(module.getLoc());
  if (!code.weights.empty()) {
    mlir::Attribute table = mlir::parseAttribute(code.weights, module.getContext());
    if (!table)
      return false;
    (*holder)->setAttr("attn.weights", table);
  }
  auto read = readWeights(*holder);
  if (!read) {
    llvm::consumeError(read.takeError());
    return false;
  }
  if (llvm::Error error = readEntries()) {
    llvm::consumeError(std::move(error));
    return false;
  }
  weights = std::move(*read);
  report = code.report;
  return true;
}

std::optional<std::vector<std::string>> Compilation::findObjects() {
  Stopwatch watch(times, "cache miss");
  std::optional<CachedCode> code = cache().find(key);
  bool isHit = code && adopt(*code);
  if (isHit)
    watch.rename("cache hit");
  return isHit ? std::optional(std::move(code->objects)) : std::nullopt;
}

void Compilation::storeObjects(llvm::ArrayRef<std::string> objects) {
  Stopwatch watch(times, "cache store");
  if (llvm::Error error = cache().store(key, {weightsText, objects.vec(), report}))
    report.push_back(cacheWarning("code is not stored: " + llvm::toString(std::move(error))));
}
