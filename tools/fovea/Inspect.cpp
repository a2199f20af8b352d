// fovea inspect: compiles a model, runs it if the sizes of its inputs are known, and writes a page
// that shows what became of it.
#include "CommandLine.h"
#include "Inputs.h"
#include "Model.h"
#include "Reporting.h"
#include "Subcommands.h"
#include "frontend/FileIO.h"
#include "runtime/Compile.h"
#include "runtime/inspect/Inspection.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace fovea;
using namespace fovea::tool;
using llvm::StringRef;

namespace {
struct InspectOptions {
  std::string model, html, input, weights, entry, cpu = "native", peakOperations, peakBytes;
  std::vector<std::string> assignments;
  int64_t threads = 0, seed = 0;
  bool noRun = false;
};
} // namespace

/// Of so many runs after the first the fastest is shown.
static constexpr int runs = 5;

static llvm::Expected<bool> parseOptions(llvm::ArrayRef<const char *> arguments,
                                         InspectOptions &options) {
  CommandLine line("inspect", "Writes a page that shows how a model is compiled and runs.");
  line.model(options.model);
  line.output("--html", "OUT", "the page to write, one file that needs no other; must be given",
              options.html);
  line.text("--input", "FILE", "inputs by name (.safetensors), or the only one (.npy)",
            options.input);
  line.text("--weights", "PATH", "weights, as fovea run takes them; random ones otherwise",
            options.weights);
  line.repeated("--set", "NAME=VALUE",
                "a parameter of the description, or the size of a symbolic dim: with all sizes the "
                "model is run on random inputs",
                options.assignments);
  line.text("--entry", "NAME", "the function to show; the first by default", options.entry);
  line.threads(options.threads);
  line.seed(options.seed);
  line.cpu(options.cpu);
  line.flag("--no-run", "compile only", options.noRun);
  line.text("--peak-gflops", "N", "the roofline's ceiling in GFLOP/s instead of a measured one",
            options.peakOperations);
  line.text("--peak-gbytes", "N", "its slope in GB/s instead of a measured one", options.peakBytes);
  return line.parse(arguments);
}

/// A positive number times 10^9; 0 if the option was not given.
static llvm::Expected<double> parseGiga(StringRef name, StringRef text) {
  double value = 0;
  if (!text.empty() && (text.getAsDouble(value) || !(value > 0) || value > 1e9))
    return llvm::make_error<UsageError>(name + " expects a number above 0, got '" + text + "'");
  return value * 1e9;
}

/// Why a run is not possible; empty if it is.
static std::string findObstacle(const InspectOptions &options, const Model &model,
                                const EntrySignature &entry) {
  if (options.noRun)
    return "--no-run was given";
  if (!options.input.empty())
    return "";
  for (const ArgumentSpec &input : entry.inputs)
    for (const DimSpec &dim : input.dims)
      if (!dim.size && !model.dims.count(dim.symbol))
        return "the sizes of input '" + input.name + "', " + input.describe() +
               ", are not all known: give them with --set or --input";
  return "";
}

static llvm::Error measure(const InspectOptions &options, InspectedRun &run) {
  llvm::Expected<double> operations = parseGiga("--peak-gflops", options.peakOperations);
  if (!operations)
    return operations.takeError();
  llvm::Expected<double> bytes = parseGiga("--peak-gbytes", options.peakBytes);
  if (!bytes)
    return bytes.takeError();
  if (*operations == 0 || *bytes == 0)
    if (llvm::Error error = measurePeaks(run.threads, options.cpu).moveInto(run.ceilings))
      return error;
  if (*operations > 0)
    run.ceilings.operations = *operations;
  if (*bytes > 0)
    run.ceilings.bytes = *bytes;
  return llvm::Error::success();
}

static llvm::Error runSeveral(const Executable &executable, const EntrySignature &entry,
                              const NamedTensors &inputs, Trace &best) {
  std::vector<NamedView> views(inputs.begin(), inputs.end());
  for (int i = 0; i <= runs; ++i) {
    Trace trace;
    if (auto results = executable.runTraced(views, trace, entry.name); !results)
      return results.takeError();
    // The first run touches memory for the first time.
    if (i == 1 || (i > 1 && trace.duration < best.duration))
      best = std::move(trace);
  }
  return llvm::Error::success();
}

static llvm::Error writeInspection(const InspectOptions &options, llvm::json::Object data) {
  return writeFile(options.html, [&](llvm::raw_ostream &os) {
    writePage(os, std::move(data));
    return llvm::Error::success();
  });
}

static llvm::Error inspectEntry(const InspectOptions &options, const Model &model,
                                const EntrySignature &entry) {
  Inspection inspection;
  CompileOptions compileOptions;
  compileOptions.entry = entry.name;
  compileOptions.threads = static_cast<unsigned>(options.threads);
  compileOptions.cpu = options.cpu;
  compileOptions.trace = true;
  compileOptions.observer = &inspection;
  std::string title = (llvm::sys::path::filename(options.model) + ": " + entry.name).str();
  std::string obstacle = findObstacle(options, model, entry);
  if (!obstacle.empty()) {
    auto text = compileToMlir(model.graph.module(), Phase::Llvm, compileOptions);
    if (!text)
      return text.takeError();
    return writeInspection(options,
                           inspectionToJson(inspection, title, model.dims, nullptr, obstacle));
  }
  NamedTensors inputs;
  auto made = options.input.empty() ? makeRandomInputs(entry, model.dims, options.seed)
                                    : readInputs(options.input, entry);
  if (llvm::Error error = std::move(made).moveInto(inputs))
    return error;
  if (llvm::Error error = chooseWeights(options.weights, options.model, model, entry, options.seed)
                              .moveInto(compileOptions.weights))
    return error;
  llvm::Expected<Executable> executable = compile(model.graph, compileOptions);
  if (!executable)
    return executable.takeError();
  InspectedRun run;
  run.threads = executable->threads();
  if (llvm::Error error = runSeveral(*executable, entry, inputs, run.trace))
    return error;
  if (llvm::Error error = measure(options, run))
    return error;
  SymbolSizes sizes = sizesOf(entry, viewsOf(inputs));
  sizes.insert(model.dims.begin(), model.dims.end());
  sizes["workers"] = run.threads;
  return writeInspection(options, inspectionToJson(inspection, title, sizes, &run, ""));
}

static llvm::Error inspectModel(const InspectOptions &options) {
  if (options.html.empty())
    return llvm::make_error<UsageError>("expected --html OUT");
  if (llvm::Error error = checkWritable(options.html))
    return error;
  for (auto [name, text] : {std::pair("--peak-gflops", StringRef(options.peakOperations)),
                            {"--peak-gbytes", options.peakBytes}})
    if (llvm::Expected<double> peak = parseGiga(name, text); !peak)
      return peak.takeError();
  llvm::Expected<Model> model =
      openModel(options.model, options.assignments, modelDirectoryOf(options.weights));
  if (!model)
    return model.takeError();
  llvm::Expected<const EntrySignature *> entry = model->findEntry(options.entry, "showing");
  if (!entry)
    return entry.takeError();
  return inspectEntry(options, *model, **entry);
}

llvm::Error tool::inspectCommand(llvm::ArrayRef<const char *> arguments) {
  InspectOptions options;
  llvm::Expected<bool> proceed = parseOptions(arguments, options);
  return proceed && *proceed ? inspectModel(options) : proceed.takeError();
}
