// fovea bench: measures how many tokens a second a model reads and writes, on each of some numbers
// of threads, and what part of the machine's limits that is.
#include "BenchModel.h"
#include "CacheFlags.h"
#include "CommandLine.h"
#include "Progress.h"
#include "Subcommands.h"
#include "frontend/Graph.h"
#include "runtime/Memory.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/TargetParser/Host.h"

using namespace fovea;
using namespace fovea::tool;
using llvm::StringRef;

namespace {
struct BenchOptions {
  std::string model, threads = "0";
  ModelOptions compile;
  int64_t promptTokens = -1, newTokens = -1; // as given; -1: the plan's, as far as the model can
  BenchPlan plan;
  CacheFlags cache;
  bool json = false;
};
} // namespace

static llvm::Expected<bool> parseOptions(llvm::ArrayRef<const char *> arguments,
                                         BenchOptions &options) {
  CommandLine line("bench", "Measures how fast a language model reads prompts and writes tokens.");
  line.positional("MODEL_DIR", "a model directory: config.json, safetensors weights",
                  options.model);
  line.integer("-p,--prompt", "N",
               "tokens of the prompt that prefill reads; 0: none, -1: 512, if the model can", -1,
               options.promptTokens);
  line.integer("-n,--predict", "N", "tokens to decode; 0: none, -1: 128, if the model can", -1,
               options.newTokens);
  line.integer("-d,--depth", "N", "tokens in the cache before decoding", 0, options.plan.depth);
  line.integer("-b,--batch", "N", "sequences to decode at once", 1, options.plan.sequences);
  line.integer("-r,--repetitions", "N", "of which the median counts", 1, options.plan.repetitions);
  line.text("-t,--threads", "N,N,...", "numbers of threads; 0 is one for each CPU",
            options.threads);
  line.flag("--json", "print the results as JSON", options.json);
  line.cache(options.compile.chunkSize, options.compile.cacheType);
  line.quantize(options.compile.quantize);
  options.cache.declare(line);
  line.cpu(options.compile.cpu);
  return line.parse(arguments);
}

static llvm::Expected<std::vector<unsigned>> parseThreads(StringRef list) {
  std::vector<unsigned> threads;
  for (StringRef number : llvm::split(list, ','))
    if (number.trim().getAsInteger(10, threads.emplace_back()))
      return llvm::make_error<UsageError>("-t expects numbers with commas between, got '" + list +
                                          "'");
  return threads;
}

/// The context that the model's description exports; nothing if there is none, or no description.
/// What is wrong with a directory is said where it is loaded.
static std::optional<int64_t> contextOf(const std::string &model) {
  llvm::Expected<Graph> graph = Graph::fromFile(model, {});
  if (!graph) {
    llvm::consumeError(graph.takeError());
    return std::nullopt;
  }
  auto context = llvm::dyn_cast_or_null<mlir::IntegerAttr>(graph->exported("context"));
  return context ? std::optional(context.getInt()) : std::nullopt;
}

/// Takes a length as given, or else the planned one as far as there is room, which is said.
static void chooseLength(StringRef what, int64_t given, int64_t room, int64_t &planned) {
  if (given < 0 && room < planned)
    llvm::errs() << llvm::formatv("{0} {1} tokens, not {2}: the model has room for no more\n", what,
                                  room, planned);
  planned = given >= 0 ? given : std::min(planned, room);
}

static void chooseLengths(BenchOptions &options) {
  BenchPlan &plan = options.plan;
  int64_t context = std::numeric_limits<int64_t>::max();
  if (options.promptTokens < 0 || options.newTokens < 0)
    context = contextOf(options.model).value_or(context);
  int64_t behind = std::max<int64_t>(context - plan.depth, 0);
  chooseLength("a prompt of", options.promptTokens, context, plan.promptTokens);
  chooseLength("decoding", options.newTokens, behind, plan.newTokens);
}

/// The room that the longest of the runs needs.
static int64_t contextFor(const BenchPlan &plan) {
  return std::max(plan.promptTokens, plan.depth + plan.newTokens);
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static void printRate(StringRef name, const Rate &rate, double amount, StringRef unit, double ratio,
                      const llvm::Twine &ceiling) {
  if (rate.seconds.empty())
    return;
  auto [best, worst] = std::minmax_element(rate.seconds.begin(), rate.seconds.end());
  double perSecond = amount / rate.medianSeconds();
  llvm::outs() << llvm::formatv("{0,-8} {1,6} tokens {2,9:f1} tokens/s ({3:f1} to {4:f1} in {5} "
                                "runs), {6:f1} {7}, {8:f0} % of the {9}\n",
                                name, rate.tokens, rate.tokensPerSecond(), rate.tokens / *worst,
                                rate.tokens / *best, rate.seconds.size(), perSecond / 1e9, unit,
                                100 * ratio, ceiling.str());
}

static void print(const BenchResult &result) {
  llvm::outs() << llvm::formatv(
      "{0} threads: FMA peak {1:f1} GFLOP/s, memory read {2:f1} GB/s; loaded in {3:f2} s\n",
      result.threads, result.ceilings.operations / 1e9, result.ceilings.bytes / 1e9,
      result.loadSeconds);
  std::string inChunks;
  if (result.chunkSize < result.prefill.tokens)
    inChunks = ", " + std::to_string(result.chunkSize) + " at once";
  printRate("prefill", result.prefill, result.prefill.operations, "GFLOP/s",
            result.prefill.ofFmaPeak(), llvm::Twine("FMA peak") + inChunks);
  printRate("decode", result.decode, result.decode.bytes, "GB/s", result.decode.ofReadBandwidth(),
            "read bandwidth");
  llvm::outs() << "memory   at most " << formatBytes(result.peakMemory) << "; weights "
               << formatBytes(result.heldBytes) << ", cache " << formatBytes(result.cacheBytes)
               << "\n";
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static llvm::json::Value toJson(const Rate &rate) {
  if (rate.seconds.empty())
    return nullptr;
  llvm::json::Array runs;
  for (double seconds : rate.seconds)
    runs.push_back(rate.tokens / seconds);
  double seconds = rate.medianSeconds();
  return llvm::json::Object{{"tokens", rate.tokens},
                            {"tokens_per_second", rate.tokensPerSecond()},
                            {"runs", std::move(runs)},
                            {"flop_per_second", rate.operations / seconds},
                            {"of_fma_peak", rate.ofFmaPeak()},
                            {"bytes_per_second", rate.bytes / seconds},
                            {"of_read_bandwidth", rate.ofReadBandwidth()}};
}

static llvm::json::Value toJson(const BenchResult &result) {
  return llvm::json::Object{{"threads", result.threads},
                            {"load_seconds", result.loadSeconds},
                            {"peak_memory", result.peakMemory},
                            {"held_weight_bytes", result.heldBytes},
                            {"cache_bytes", result.cacheBytes},
                            {"chunk_size", result.chunkSize},
                            {"fma_peak", result.ceilings.operations},
                            {"read_bandwidth", result.ceilings.bytes},
                            {"prefill", toJson(result.prefill)},
                            {"decode", toJson(result.decode)}};
}

//===----------------------------------------------------------------------===//
// The command
//===----------------------------------------------------------------------===//

static llvm::Error bench(BenchOptions &options) {
  llvm::Expected<std::vector<unsigned>> threads = parseThreads(options.threads);
  if (!threads)
    return threads.takeError();
  if (options.promptTokens == 0 && options.newTokens == 0)
    return llvm::make_error<UsageError>("expected tokens to read or to write, got -p 0 and -n 0");
  if (llvm::Error error = options.cache.check())
    return error;
  chooseLengths(options);
  options.compile.contextSize = contextFor(options.plan);
  options.compile.cacheDirectory = options.cache.path();
  options.compile.cacheWeights = options.cache.keepsWeights;
  options.compile.packingProgress = loadingProgress();
  llvm::json::Array results;
  int64_t weightBytes = 0;
  std::string formats;
  for (unsigned count : *threads) {
    options.compile.threads = count;
    llvm::Expected<BenchResult> result = benchModel(options.model, options.compile, options.plan);
    if (!result)
      return result.takeError();
    formats = result->storedTypes;
    if (!options.json) {
      if (results.empty())
        llvm::outs() << options.model << ": weights " << formats << ", "
                     << formatBytes(result->weightBytes) << " a token; cache "
                     << options.compile.cacheType << "\n";
      print(*result);
    }
    weightBytes = result->weightBytes;
    results.push_back(toJson(*result));
  }
  if (!options.json)
    return llvm::Error::success();
  llvm::outs() << llvm::formatv(
      "{0:2}\n", llvm::json::Value(llvm::json::Object{{"model", options.model},
                                                      {"cpu", llvm::sys::getHostCPUName()},
                                                      {"weights", formats},
                                                      {"weight_bytes", weightBytes},
                                                      {"cache", options.compile.cacheType},
                                                      {"depth", options.plan.depth},
                                                      {"batch", options.plan.sequences},
                                                      {"results", std::move(results)}}));
  return llvm::Error::success();
}

llvm::Error tool::benchCommand(llvm::ArrayRef<const char *> arguments) {
  BenchOptions options;
  llvm::Expected<bool> proceed = parseOptions(arguments, options);
  return proceed && *proceed ? bench(options) : proceed.takeError();
}
