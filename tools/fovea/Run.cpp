// fovea run: compiles a model, runs it once on inputs from a file or on random ones, and prints
// or saves the results.
#include "CommandLine.h"
#include "Model.h"
#include "PrintTensor.h"
#include "RandomTensors.h"
#include "Subcommands.h"
#include "Verify.h"
#include "frontend/Npy.h"
#include "frontend/Safetensors.h"
#include "runtime/Compile.h"
#include "runtime/Reference.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include <chrono>

using namespace fovea;
using namespace fovea::tool;
using llvm::StringRef;

namespace {
struct RunOptions {
  std::string model, input, weights, output, entry, route = "fast", cpu = "native";
  std::vector<std::string> assignments;
  int64_t threads = 0, seed = 0;
  bool time = false, report = false, verify = false;
};

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;
using Clock = std::chrono::steady_clock;
} // namespace

static llvm::Expected<bool> parseOptions(llvm::ArrayRef<const char *> arguments,
                                         RunOptions &options) {
  CommandLine line("run", "Compiles a model, runs it, and prints its results.");
  line.positional("MODEL", "a .fov file, an .mlir file or a model directory", options.model);
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
  line.text("--output", "FILE",
            "save the results (.safetensors, or .npy for one) instead of "
            "printing them",
            options.output);
  line.text("--entry", "NAME", "the function to run; the first by default", options.entry);
  line.integer("-t,--threads", "N", "threads; 0 is one for each CPU", 0, options.threads);
  line.integer("-s,--seed", "N", "seed of the random inputs and weights", 0, options.seed);
  line.flag("--time", "print how long compiling and running took", options.time);
  line.flag("--report", "print to stderr what was fused and vectorised, what was not, and why",
            options.report);
  line.flag("--verify", "compare with the float64 reference executor", options.verify);
  line.text("--route", "ROUTE", "fast, or reference: plain loops", options.route);
  line.text("--target-cpu", "CPU", "CPU to compile for, as LLVM names it", options.cpu);
  llvm::Expected<bool> help = line.parse(arguments);
  if (help && *help)
    line.printHelp(llvm::outs());
  return help;
}

//===----------------------------------------------------------------------===//
// Inputs and weights
//===----------------------------------------------------------------------===//

static llvm::Expected<NamedTensors> readInputs(StringRef path, const EntrySignature &entry) {
  NamedTensors inputs;
  if (path.ends_with(".npy")) {
    if (entry.inputs.size() != 1)
      return llvm::createStringError(path + ": a .npy file holds one tensor, but entry '" +
                                     entry.name + "' has " + llvm::Twine(entry.inputs.size()) +
                                     " inputs");
    llvm::Expected<Tensor> tensor = readNpy(path);
    if (!tensor)
      return tensor.takeError();
    inputs.emplace_back(entry.inputs.front().name, std::move(*tensor));
    return inputs;
  }
  auto file = SafetensorsFile::open(path);
  if (!file)
    return file.takeError();
  for (const ArgumentSpec &input : entry.inputs) {
    std::optional<TensorView> view = (*file)->find(input.name);
    if (!view)
      return llvm::createStringError(path + ": there is no tensor '" + input.name +
                                     "'; the file has " + llvm::join((*file)->names(), ", "));
    llvm::Expected<Tensor> tensor = Tensor::copyOf(*view);
    if (!tensor)
      return tensor.takeError();
    inputs.emplace_back(input.name, std::move(*tensor));
  }
  return inputs;
}

static llvm::Expected<std::shared_ptr<const WeightSource>> chooseWeights(const RunOptions &options,
                                                                         const Model &model) {
  if (!hasWeights(model.graph.module()))
    return nullptr;
  auto weights = findWeights(options.weights, options.model);
  if (!weights || *weights)
    return weights;
  llvm::errs() << "note: no --weights: the weights are random numbers of seed " << options.seed
               << "\n";
  return makeRandomWeights(model.graph.module(), options.seed);
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

static llvm::Error writeResults(StringRef path, const NamedTensors &results) {
  if (path.ends_with(".npy")) {
    if (results.size() != 1)
      return llvm::createStringError(path + ": a .npy file holds one tensor, but there are " +
                                     llvm::Twine(results.size()) + " results");
    return writeNpy(path, results.front().second);
  }
  std::vector<NamedTensorView> views(results.begin(), results.end());
  return writeSafetensors(path, views);
}

static llvm::Error verify(const Model &model, const EntrySignature &entry,
                          const NamedTensors &inputs, const NamedTensors &results,
                          const WeightSource *weights) {
  std::vector<TensorView> views;
  for (const auto &[name, tensor] : inputs)
    views.push_back(tensor);
  auto references = runReference(model.graph.module(), entry.name, views, weights);
  if (!references)
    return references.takeError();
  bool passes = true;
  for (const auto &[result, reference] : llvm::zip_equal(results, *references)) {
    llvm::Expected<Comparison> comparison = compare(result.second, reference);
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

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

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

static llvm::Expected<Executable> compileModel(const RunOptions &options, const Model &model,
                                               llvm::StringRef entry,
                                               std::shared_ptr<const WeightSource> weights) {
  CompileOptions compileOptions;
  compileOptions.entry = entry.str();
  compileOptions.threads = static_cast<unsigned>(options.threads);
  compileOptions.weights = std::move(weights);
  compileOptions.route = options.route;
  compileOptions.cpu = options.cpu;
  if (options.report)
    compileOptions.report = [](StringRef message) { llvm::errs() << message << "\n"; };
  return compile(model.graph, compileOptions);
}

static llvm::Error runModel(const RunOptions &options) {
  llvm::Expected<Model> model =
      openModel(options.model, options.assignments, modelDirectoryOf(options.weights));
  if (!model)
    return model.takeError();
  llvm::Expected<const EntrySignature *> entry = model->findEntry(options.entry);
  if (!entry)
    return entry.takeError();
  if (options.entry.empty() && model->entries.size() > 1)
    llvm::errs() << "note: running '" << (*entry)->name << "', the first of "
                 << model->entries.size() << " entries; --entry chooses\n";
  llvm::Expected<NamedTensors> inputs = options.input.empty()
                                            ? makeRandomInputs(**entry, model->dims, options.seed)
                                            : readInputs(options.input, **entry);
  if (!inputs)
    return inputs.takeError();
  auto weights = chooseWeights(options, *model);
  if (!weights)
    return weights.takeError();
  llvm::Expected<Executable> executable = compileModel(options, *model, (*entry)->name, *weights);
  if (!executable)
    return executable.takeError();

  std::vector<NamedView> views(inputs->begin(), inputs->end());
  auto run = executable->run(views, (*entry)->name);
  if (!run)
    return run.takeError();
  NamedTensors results = inOrder(std::move(*run), **entry);
  if (options.output.empty())
    for (const auto &[name, tensor] : results)
      printTensor(llvm::outs(), name, tensor);
  else if (llvm::Error error = writeResults(options.output, results))
    return error;
  if (options.time)
    if (llvm::Error error = printTimes(*executable, views, **entry))
      return error;
  if (options.verify)
    return verify(*model, **entry, *inputs, results, weights->get());
  return llvm::Error::success();
}

llvm::Error tool::runCommand(llvm::ArrayRef<const char *> arguments) {
  RunOptions options;
  llvm::Expected<bool> help = parseOptions(arguments, options);
  if (!help)
    return help.takeError();
  return *help ? llvm::Error::success() : runModel(options);
}
