// fovea run: compiles a model, runs it once on inputs from a file or on random ones, and prints
// or saves the results.
#include "CacheFlags.h"
#include "CommandLine.h"
#include "Inputs.h"
#include "Model.h"
#include "PrintTensor.h"
#include "Progress.h"
#include "Reporting.h"
#include "Results.h"
#include "Subcommands.h"
#include "Verify.h"
#include "frontend/FileIO.h"
#include "runtime/Compile.h"
#include "runtime/QuantizedWeights.h"
#include "runtime/Reference.h"
#include "runtime/Stopwatch.h"
#include "runtime/ThreadPool.h"
#include "runtime/Trace.h"
#include "runtime/inspect/Report.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

using namespace fovea;
using namespace fovea::tool;
using llvm::StringRef;

namespace {
struct RunOptions {
  std::string model, input, weights, output, trace, entry, route = "fast", cpu = "native", quantize;
  std::vector<std::string> assignments;
  int64_t threads = 0, seed = 0, maxBytes = 0;
  bool time = false, verify = false;
  CacheFlags cache;
  ReportingOptions reporting;
};

} // namespace

static llvm::Expected<bool> parseOptions(llvm::ArrayRef<const char *> arguments,
                                         RunOptions &options) {
  CommandLine line("run", "Compiles a model, runs it, and prints its results.");
  line.model(options.model);
  line.text("--input", "FILE",
            "inputs by name (.safetensors), or the only one (.npy); random "
            "ones otherwise",
            options.input);
  line.text("--weights", "PATH",
            "weights: .safetensors, its index, or a directory; by default MODEL if it is a "
            "directory, else random ones",
            options.weights);
  line.repeated("--set", "NAME=VALUE",
                "a parameter of the description, or the size of a "
                "symbolic dim of random inputs",
                options.assignments);
  line.output("--output", "FILE",
              "save the results (.safetensors, or .npy for one) instead of "
              "printing them",
              options.output);
  line.text("--entry", "NAME", "the function to run; the first by default", options.entry);
  line.threads(options.threads);
  line.seed(options.seed);
  line.flag("--time", "print how long compiling and running took", options.time);
  options.reporting.declare(line);
  line.bytes("--max-bytes", "refuse to run if it takes more memory than that", options.maxBytes);
  line.output("--trace", "FILE", "write when which kernel ran on which thread (Chrome trace JSON)",
              options.trace);
  line.flag("--verify", "compare with the float64 reference executor", options.verify);
  options.cache.declare(line);
  line.quantize(options.quantize);
  line.route(options.route);
  line.cpu(options.cpu);
  return line.parse(arguments);
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

/// The results in the order in which the entry returns them.
static NamedTensors inOrder(std::map<std::string, Tensor> results, const EntrySignature &entry) {
  NamedTensors ordered;
  for (const ArgumentSpec &output : entry.outputs)
    ordered.emplace_back(output.name, std::move(results[output.name]));
  return ordered;
}

/// The entry, or the module if it calls other functions of it.
static mlir::Operation *computationOf(mlir::ModuleOp module, llvm::StringRef entry) {
  mlir::Operation *function = module.lookupSymbol(entry);
  bool calls =
      !function || function->walk([](mlir::func::CallOp) { return mlir::WalkResult::interrupt(); })
                       .wasInterrupted();
  return calls ? module.getOperation() : function;
}

static llvm::Error verify(const Model &model, const EntrySignature &entry,
                          const NamedTensors &inputs, const NamedTensors &results,
                          const Executable &executable,
                          std::shared_ptr<const WeightSource> weights) {
  if (weights)
    if (llvm::Error error = withQuantizedWeights(weights, executable.weights()).moveInto(weights))
      return error;
  double scoreRounding = 0;
  auto references = runReference(model.graph.module(), entry.name, viewsOf(inputs), weights.get(),
                                 &scoreRounding);
  if (!references)
    return references.takeError();
  double rounding = roundingBound(computationOf(model.graph.module(), entry.name),
                                  hasQuantizedWeights(executable.weights()), scoreRounding);
  bool passes = true;
  for (const auto &[result, reference] : llvm::zip_equal(results, *references)) {
    llvm::Expected<Comparison> comparison = compare(result.second, reference, rounding);
    if (!comparison)
      return comparison.takeError();
    printComparison(llvm::outs(), result.first, *comparison);
    passes &= comparison->passes();
  }
  if (passes)
    return llvm::Error::success();
  return llvm::createStringError("the results differ from the reference by more than the bound");
}

//===----------------------------------------------------------------------===//
// Times
//===----------------------------------------------------------------------===//

/// Runs for about a second, at least three times, after the run that warmed everything up.
static llvm::Error printTimes(const Executable &executable, llvm::ArrayRef<NamedView> inputs,
                              const EntrySignature &entry) {
  double compileSeconds = 0;
  for (const PhaseTime &phase : executable.compileTimes()) {
    llvm::outs() << llvm::format("compile  %10.3f ms  ", 1e3 * phase.seconds) << phase.name << "\n";
    compileSeconds += phase.seconds;
  }
  llvm::outs() << llvm::format("compile  %10.3f ms  in all\n", 1e3 * compileSeconds);
  std::vector<double> seconds;
  Clock::time_point start = Clock::now();
  while (seconds.size() < 3 || (secondsSince(start) < 1 && seconds.size() < 1000)) {
    Clock::time_point runStart = Clock::now();
    auto results = executable.run(inputs, entry.name);
    if (!results)
      return results.takeError();
    seconds.push_back(secondsSince(runStart));
  }
  llvm::sort(seconds);
  llvm::outs() << llvm::format("run      %10.3f ms  median of %zu, best %.3f ms, ",
                               1e3 * seconds[seconds.size() / 2], seconds.size(),
                               1e3 * seconds.front())
               << executable.threads() << " threads\n";
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// The command
//===----------------------------------------------------------------------===//

static llvm::Error writeTrace(StringRef path, const Trace &trace) {
  return writeFile(path, [&](llvm::raw_ostream &os) {
    writeChromeTrace(os, trace);
    return llvm::Error::success();
  });
}

/// Runs, shows or saves the results, and times and verifies if that is asked for.
static llvm::Error runCompiled(const RunOptions &options, const Model &model,
                               const EntrySignature &entry, const Executable &executable,
                               const NamedTensors &inputs,
                               const std::shared_ptr<const WeightSource> &weights) {
  std::vector<NamedView> views(inputs.begin(), inputs.end());
  auto run = executable.run(views, entry.name);
  if (!run)
    return run.takeError();
  // A run of its own: the first one touches memory for the first time.
  Trace trace;
  if (!options.trace.empty())
    run = executable.runTraced(views, trace, entry.name);
  if (!run)
    return run.takeError();
  if (!options.trace.empty())
    if (llvm::Error error = writeTrace(options.trace, trace))
      return error;
  NamedTensors results = inOrder(std::move(*run), entry);
  if (options.output.empty())
    for (const auto &[name, tensor] : results)
      printTensor(llvm::outs(), name, tensor);
  else if (llvm::Error error = writeResults(options.output, results))
    return error;
  if (options.time)
    if (llvm::Error error = printTimes(executable, views, entry))
      return error;
  if (options.verify)
    return verify(model, entry, inputs, results, executable, weights);
  return llvm::Error::success();
}

static CompileOptions compileOptionsOf(const RunOptions &options, const EntrySignature &entry,
                                       const Requirements &require) {
  CompileOptions compileOptions;
  compileOptions.entry = entry.name;
  compileOptions.threads = static_cast<unsigned>(options.threads);
  compileOptions.route = options.route;
  compileOptions.cpu = options.cpu;
  compileOptions.quantize = options.quantize;
  compileOptions.require = require;
  compileOptions.maxBytes = options.maxBytes;
  compileOptions.trace = !options.trace.empty();
  compileOptions.cacheDirectory = options.cache.path();
  compileOptions.cacheWeights = options.cache.keepsWeights;
  compileOptions.packingProgress = packingProgress();
  return compileOptions;
}

/// Before anything large is allocated; the executable checks again, by the sizes of the inputs.
static llvm::Error checkMemory(const RunOptions &options, const Model &model,
                               CompileOptions compileOptions, const SymbolSizes &sizes) {
  if (options.maxBytes == 0)
    return llvm::Error::success();
  CompilationRecord record;
  compileOptions.observer = &record;
  if (llvm::Error error = observe(model.graph.module(), compileOptions))
    return error;
  if (options.reporting.explainMemory)
    printMemory(llvm::errs(), record, sizes);
  return checkPeak(record, compileOptions.entry, sizes, options.maxBytes);
}

static llvm::Error runEntry(const RunOptions &options, const Model &model,
                            const EntrySignature &entry, const Requirements &require) {
  if (llvm::Error error = options.cache.check())
    return error;
  CompileOptions compileOptions = compileOptionsOf(options, entry, require);
  NamedTensors inputs;
  if (!options.input.empty())
    if (llvm::Error error = readInputs(options.input, entry).moveInto(inputs))
      return error;
  SymbolSizes sizes = options.input.empty() ? model.dims : sizesOf(entry, viewsOf(inputs));
  sizes["workers"] = options.threads ? options.threads : availableThreads();
  if (llvm::Error error = checkMemory(options, model, compileOptions, sizes))
    return error;
  if (options.input.empty())
    if (llvm::Error error = makeRandomInputs(entry, model.dims, options.seed).moveInto(inputs))
      return error;
  if (llvm::Error error = chooseWeights(options.weights, options.model, model, entry, options.seed)
                              .moveInto(compileOptions.weights))
    return error;
  CompilationRecord record;
  if (options.reporting.wantsRecord())
    compileOptions.observer = &record;
  llvm::Expected<Executable> executable = compile(model.graph, compileOptions);
  printReports(options.reporting, record, sizes);
  if (!executable)
    return executable.takeError();
  printCacheWarnings(*executable);
  return runCompiled(options, model, entry, *executable, inputs, compileOptions.weights);
}

/// What the run would write in vain is better known before.
static llvm::Error checkOutputs(const RunOptions &options) {
  if (!options.output.empty() && !options.trace.empty() &&
      isOnePlace(options.output, options.trace))
    return usageError("--output and --trace both write '" + options.output + "'");
  if (!options.output.empty())
    if (llvm::Error error = checkResultsFile(options.output))
      return error;
  return options.trace.empty() ? llvm::Error::success() : checkWritable(options.trace);
}

static llvm::Error runModel(const RunOptions &options) {
  if (llvm::Error error = checkOutputs(options))
    return error;
  llvm::Expected<Requirements> require = options.reporting.requirements();
  if (!require)
    return require.takeError();
  llvm::Expected<Model> model =
      openModel(options.model, options.assignments, modelDirectoryOf(options.weights));
  if (!model)
    return model.takeError();
  llvm::Expected<const EntrySignature *> entry = model->findEntry(options.entry, "running");
  if (!entry)
    return entry.takeError();
  if (llvm::Error error = checkResultsFit(options.output, **entry))
    return error;
  return runEntry(options, *model, **entry, *require);
}

llvm::Error tool::runCommand(llvm::ArrayRef<const char *> arguments) {
  RunOptions options;
  llvm::Expected<bool> proceed = parseOptions(arguments, options);
  return proceed && *proceed ? runModel(options) : proceed.takeError();
}
