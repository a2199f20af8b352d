#include "runtime/generate/Perplexity.h"
#include "frontend/ModelDirectory.h"
#include "runtime/Compile.h"
#include "runtime/generate/KvCache.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include <cmath>

using namespace fovea;

namespace {
/// Sums over all windows.
struct Sums {
  double stored = 0, compared = 0; // of -log(probability)
  double largestError = 0, largest = 0, squaredErrors = 0, squares = 0;
  int64_t tokens = 0, logits = 0;

  /// The logits [1, L, V] of a window, twice; `compared` may be null.
  void add(llvm::ArrayRef<int64_t> ids, const Tensor &stored, const Tensor *compared);
};

/// `forward`, compiled with weights, keys and values in one format each.
struct Predictor {
  Executable executable;

  static llvm::Expected<Predictor> create(const Graph &graph,
                                          std::shared_ptr<const WeightSource> weights,
                                          const PerplexityOptions &options);
  llvm::Expected<Tensor> run(llvm::ArrayRef<int64_t> ids) const;
};
} // namespace

llvm::Expected<Predictor> Predictor::create(const Graph &graph,
                                            std::shared_ptr<const WeightSource> weights,
                                            const PerplexityOptions &options) {
  CompileOptions compileOptions;
  compileOptions.threads = options.threads;
  compileOptions.cpu = options.cpu;
  compileOptions.quantize = options.quantize;
  compileOptions.packingProgress = options.packingProgress;
  compileOptions.weights = std::move(weights);
  llvm::Expected<Executable> executable = compile(graph, compileOptions);
  if (!executable)
    return executable.takeError();
  return Predictor{std::move(*executable)};
}

llvm::Expected<Tensor> Predictor::run(llvm::ArrayRef<int64_t> ids) const {
  TensorView input(ids.data(), {1, static_cast<int64_t>(ids.size())});
  auto results = executable.run({{"input_ids", input}}, "forward");
  if (!results)
    return results.takeError();
  return std::move(results->at("logits"));
}

/// -log(softmax(logits)[token])
static double surprise(llvm::ArrayRef<float> logits, int64_t token) {
  double largest = *llvm::max_element(logits), sum = 0;
  for (float logit : logits)
    sum += std::exp(logit - largest);
  return std::log(sum) + largest - logits[token];
}

void Sums::add(llvm::ArrayRef<int64_t> ids, const Tensor &stored, const Tensor *compared) {
  int64_t vocabulary = stored.sizes().back();
  for (size_t i = 0; i + 1 < ids.size(); ++i) {
    llvm::ArrayRef<float> row(stored.dataAs<float>() + static_cast<int64_t>(i) * vocabulary,
                              vocabulary);
    this->stored += surprise(row, ids[i + 1]);
    ++tokens;
    if (!compared)
      continue;
    llvm::ArrayRef<float> other(compared->dataAs<float>() + static_cast<int64_t>(i) * vocabulary,
                                vocabulary);
    this->compared += surprise(other, ids[i + 1]);
    for (auto [got, expected] : llvm::zip_equal(other, row)) {
      double error = static_cast<double>(got) - expected;
      largestError = std::max(largestError, std::fabs(error));
      largest = std::max<double>(largest, std::fabs(expected));
      squaredErrors += error * error;
      squares += static_cast<double>(expected) * expected;
    }
  }
}

/// The number of logits a token has.
static llvm::Expected<int64_t> vocabularyOf(const Executable &executable,
                                            llvm::StringRef directory) {
  llvm::Expected<const EntrySignature *> forward = executable.findEntry("forward");
  if (!forward)
    return forward.takeError();
  const ArgumentSpec &logits = (*forward)->outputs.front();
  if (logits.name != "logits" || logits.type != DataType::F32 || logits.dims.size() != 3 ||
      !logits.dims.back().size)
    return llvm::createStringError(directory +
                                   ": expected 'forward' to return logits, f32[B, L, V] with a "
                                   "number for V, first, got '" +
                                   logits.name + "', " + logits.describe());
  return *logits.dims.back().size;
}

llvm::Error fovea::checkTextLength(size_t tokens) {
  if (tokens < 2)
    return llvm::createStringError("expected a text of at least two tokens, got " +
                                   llvm::Twine(tokens));
  return llvm::Error::success();
}

static llvm::Error checkTokens(llvm::ArrayRef<TokenId> tokens, int64_t vocabulary) {
  if (llvm::Error error = checkTextLength(tokens.size()))
    return error;
  for (TokenId token : tokens)
    if (token < 0 || token >= vocabulary)
      return llvm::createStringError("expected tokens below " + llvm::Twine(vocabulary) + ", got " +
                                     llvm::Twine(token));
  return llvm::Error::success();
}

/// The windows' tokens, no window of a single one.
static llvm::Error addWindows(llvm::ArrayRef<TokenId> tokens, int64_t window,
                              const Predictor &stored, const Predictor *compared, Sums &sums) {
  while (tokens.size() >= 2) {
    auto part = tokens.take_front(window);
    std::vector<int64_t> ids(part.begin(), part.end());
    tokens = tokens.drop_front(part.size());
    llvm::Expected<Tensor> expected = stored.run(ids);
    if (!expected)
      return expected.takeError();
    if (!compared) {
      sums.add(ids, *expected, nullptr);
      continue;
    }
    llvm::Expected<Tensor> got = compared->run(ids);
    if (!got)
      return got.takeError();
    sums.add(ids, *expected, &*got);
  }
  return llvm::Error::success();
}

static bool isCompared(const PerplexityOptions &options) {
  return !options.quantize.empty() || options.cacheType != "f32";
}

/// `stored` is the graph with keys and values in f32.
static llvm::Expected<Predictor> createCompared(llvm::StringRef directory, const Graph &stored,
                                                std::shared_ptr<const WeightSource> weights,
                                                const std::string &cacheType,
                                                const PerplexityOptions &options) {
  if (cacheType == "f32")
    return Predictor::create(stored, std::move(weights), options);
  llvm::Expected<Graph> graph =
      Graph::fromFile(directory, {{"T", cacheType}}, "", "forward", weights);
  if (!graph)
    return graph.takeError();
  return Predictor::create(*graph, std::move(weights), options);
}

llvm::Expected<Perplexity> fovea::measurePerplexity(llvm::StringRef directory,
                                                    llvm::ArrayRef<TokenId> tokens,
                                                    const PerplexityOptions &options) {
  llvm::Expected<std::string> cacheType = cacheElementType(options.cacheType);
  if (!cacheType)
    return cacheType.takeError();
  auto files = ModelDirectory::open(directory);
  if (!files)
    return files.takeError();
  auto weights = files->openWeights();
  if (!weights)
    return weights.takeError();
  llvm::Expected<Graph> graph = Graph::fromFile(directory, {}, "", "forward", *weights);
  if (!graph)
    return graph.takeError();
  PerplexityOptions asStored = options;
  asStored.quantize = "";
  llvm::Expected<Predictor> stored = Predictor::create(*graph, *weights, asStored);
  if (!stored)
    return stored.takeError();
  llvm::Expected<int64_t> vocabulary = vocabularyOf(stored->executable, directory);
  if (!vocabulary)
    return vocabulary.takeError();
  if (llvm::Error error = checkTokens(tokens, *vocabulary))
    return std::move(error);
  std::optional<Predictor> compared;
  if (isCompared(options)) {
    auto created = createCompared(directory, *graph, *weights, *cacheType, options);
    if (!created)
      return created.takeError();
    compared.emplace(std::move(*created));
  }
  int64_t window = std::max<int64_t>(options.window, 2);
  if (auto context = llvm::dyn_cast_or_null<mlir::IntegerAttr>(graph->exported("context")))
    window = std::min(window, std::max<int64_t>(context.getInt(), 2));
  Sums sums;
  if (llvm::Error error =
          addWindows(tokens, window, *stored, compared ? &*compared : nullptr, sums))
    return std::move(error);
  auto count = static_cast<double>(sums.tokens);
  Perplexity result{sums.tokens, std::exp(sums.stored / count)};
  if (compared) {
    result.compared = std::exp(sums.compared / count);
    result.largestError = sums.largestError / sums.largest;
    result.rmsError = std::sqrt(sums.squaredErrors / sums.squares);
  }
  return result;
}
