#include "runtime/Compile.h"
#include "runtime/CodeGen.h"
#include "runtime/Compilation.h"
#include "runtime/Memory.h"
#include "runtime/Stopwatch.h"
#include "llvm/Support/raw_ostream.h"

using namespace fovea;

/// About what compiling takes.
constexpr int64_t manyBytes = 32 << 20;

/// The steps from a machine to optimised LLVM IR.
static llvm::Error compileToUnits(Compilation &compilation, unsigned maxUnits) {
  if (llvm::Error error = compilation.lowerTo(Phase::Llvm))
    return error;
  return compilation.translateAndOptimize(maxUnits);
}

/// All of an executable but its weights.
static llvm::Expected<std::unique_ptr<Executable::Impl>> compileCode(Compilation &compilation) {
  if (!isOwnArchitecture(compilation.options.triple))
    return llvm::createStringError("code for '" + compilation.options.triple +
                                   "' cannot run on this machine");
  if (llvm::Error error = compilation.createMachine())
    return std::move(error);
  bool usesCache = compilation.usesCache();
  if (usesCache)
    if (std::optional<std::vector<std::string>> objects = compilation.findObjects())
      return compilation.link(*objects);
  if (llvm::Error error = compileToUnits(compilation, compilation.maxUnits()))
    return std::move(error);
  llvm::Expected<std::vector<std::string>> objects = compilation.emitObjects();
  if (!objects)
    return objects.takeError();
  if (usesCache)
    compilation.storeObjects(*objects);
  return compilation.link(*objects);
}

/// Destroys what compiling took, which weights need not find in memory. Beside few of them it may
/// stay: the next compilation would have to ask for it again, page by page.
static void discard(const Executable::Impl &impl, llvm::function_ref<void()> destroy) {
  if (impl.weightBytes >= manyBytes)
    returnFreeMemory(destroy);
  else
    destroy();
}

static llvm::Expected<Executable> addWeights(std::unique_ptr<Executable::Impl> impl,
                                             const CompileOptions &options) {
  std::optional<WeightCache> cache;
  if (options.cacheWeights && !options.cacheDirectory.empty())
    cache.emplace(options.cacheDirectory, options.weightCacheBytes);
  {
    Stopwatch watch(impl->times, "weights");
    auto table = WeightTable::resolve(impl->weightSpecs, options.weights, *impl->pool,
                                      options.packingProgress, cache ? &*cache : nullptr);
    if (!table)
      return table.takeError();
    impl->weights = std::move(*table);
    if (impl->weights.isFromCache())
      watch.rename("weights from the cache");
  }
  if (!impl->weights.storeFailure().empty())
    impl->report.push_back(
        cacheWarning("packed weights are not stored: " + impl->weights.storeFailure()));
  return Executable(std::move(impl));
}

llvm::Expected<Executable> fovea::compile(const Graph &graph, const CompileOptions &options) {
  return compile(graph.module(), options);
}

llvm::Expected<Executable> fovea::compile(mlir::ModuleOp module, const CompileOptions &options) {
  std::optional<Compilation> compilation(std::in_place, module, options);
  auto code = compileCode(*compilation);
  if (!code)
    return code.takeError();
  discard(**code, [&] { compilation.reset(); });
  return addWeights(std::move(*code), options);
}

llvm::Expected<Executable> fovea::compile(Graph &&graph, const CompileOptions &options) {
  std::optional<Compilation> compilation(std::in_place, graph.module(), options);
  auto code = compileCode(*compilation);
  if (!code)
    return code.takeError();
  discard(**code, [&] {
    compilation.reset();
    Graph destroyed = std::move(graph);
  });
  return addWeights(std::move(*code), options);
}

llvm::Expected<CompiledCode> fovea::compileToFile(mlir::ModuleOp module, CodeKind kind,
                                                  const CompileOptions &options) {
  Compilation compilation(module, options);
  if (llvm::Error error = compilation.createMachine())
    return std::move(error);
  if (llvm::Error error = compileToUnits(compilation, /*maxUnits=*/1))
    return std::move(error);
  llvm::Expected<std::string> contents = compilation.emit(kind);
  if (!contents)
    return contents.takeError();
  return CompiledCode{std::move(*contents), std::move(compilation.signatures),
                      std::move(compilation.weights)};
}

llvm::Expected<std::string> fovea::compileToMlir(mlir::ModuleOp module, Phase phase,
                                                 const CompileOptions &options) {
  Compilation compilation(module, options);
  if (llvm::Error error = compilation.createMachine())
    return std::move(error);
  if (llvm::Error error = compilation.lowerTo(phase))
    return std::move(error);
  std::string text;
  llvm::raw_string_ostream os(text);
  compilation.lowered->print(os);
  return text;
}

llvm::Error fovea::observe(mlir::ModuleOp module, const CompileOptions &options) {
  Compilation compilation(module, options);
  if (llvm::Error error = compilation.createMachine())
    return error;
  return compilation.lowerTo(Phase::Vector);
}
