// Loading a language model: description, weights, tokenizer, code; and running its step.
#include "runtime/generate/LanguageModel.h"
#include "frontend/ModelDirectory.h"
#include "runtime/Compile.h"
#include "runtime/Memory.h"
#include "runtime/generate/ChunkSize.h"
#include "runtime/generate/ModelFiles.h"
#include "runtime/generate/ModelIdentity.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"

using namespace fovea;
using llvm::StringRef;
using llvm::Twine;

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

static int64_t exportedInteger(const Graph &graph, StringRef name, int64_t absent) {
  auto value = llvm::dyn_cast_or_null<mlir::IntegerAttr>(graph.exported(name));
  return value ? value.getInt() : absent;
}

/// A cache for all that some models can takes more memory than anyone means to give.
static constexpr int64_t defaultContext = 4096;

llvm::Error LanguageModel::readExports(const Graph &graph, const ModelOptions &options) {
  int64_t longest = exportedInteger(graph, "context", 0);
  if (longest < 1)
    return llvm::createStringError(directory + ": expected a description that exports the length "
                                               "of its context as 'context'");
  if (options.contextSize > longest)
    return llvm::createStringError(directory + ": the model's context is " + Twine(longest) +
                                   " tokens, got a context size of " + Twine(options.contextSize));
  context = options.contextSize > 0    ? options.contextSize
            : options.contextSize == 0 ? longest
                                       : std::min(longest, defaultContext);
  window = exportedInteger(graph, "window", 0);
  globalProducts = exportedInteger(graph, "global_products", 0);
  localProducts = exportedInteger(graph, "local_products", 0);
  expertsOfToken = exportedInteger(graph, "experts_of_token", 0);
  return llvm::Error::success();
}

/// Takes the graph, so that its memory can be used again.
llvm::Error LanguageModel::compileEntries(Graph graph, const ModelOptions &options) {
  if (llvm::Error error = checkUnused(graph, *weightSource))
    return error;
  if (!graph.module().lookupSymbol("step"))
    return llvm::createStringError(directory + ": there is no entry 'step' to generate text with; "
                                               "'fovea run' runs the others");
  // Nobody waits for the code of what only verification runs.
  if (mlir::Operation *forward = graph.module().lookupSymbol("forward"))
    forward->erase();
  CompileOptions compileOptions;
  compileOptions.threads = options.threads;
  compileOptions.weights = weightSource;
  compileOptions.route = options.route;
  compileOptions.cpu = options.cpu;
  compileOptions.quantize = options.quantize;
  compileOptions.require = options.require;
  compileOptions.cacheDirectory = options.cacheDirectory;
  compileOptions.cacheWeights = options.cacheWeights;
  compileOptions.packingProgress = options.packingProgress;
  CompilationRecord record;
  if (options.report)
    compileOptions.observer = &record;
  // What is recorded lives in the context of the graph.
  llvm::Expected<Executable> executable =
      options.report ? compile(graph, compileOptions) : compile(std::move(graph), compileOptions);
  if (options.report)
    options.report(record);
  if (!executable)
    return executable.takeError();
  compiled.emplace(std::move(*executable));
  llvm::Expected<const EntrySignature *> step = compiled->findEntry("step");
  if (!step)
    return step.takeError();
  llvm::Expected<CacheLayout> cacheLayout = CacheLayout::of(**step, window);
  if (!cacheLayout)
    return cacheLayout.takeError();
  layout = std::move(*cacheLayout);
  const ArgumentSpec &logits = (*step)->outputs.front();
  if (logits.name != "logits" || logits.dims.size() != 2 || !logits.dims[1].size)
    return llvm::createStringError(directory +
                                   ": expected 'step' to return logits [B, V] first, "
                                   "got '" +
                                   logits.name + "', " + logits.describe());
  vocabulary = *logits.dims[1].size;
  llvm::Expected<int64_t> chosen =
      options.chunkSize > 0 ? options.chunkSize : chooseChunkSize(*compiled, layout, context);
  if (!chosen)
    return chosen.takeError();
  chunk = *chosen;
  return llvm::Error::success();
}

llvm::Expected<LanguageModel> LanguageModel::load(StringRef directory,
                                                  const ModelOptions &options) {
  llvm::Expected<std::string> cacheType = cacheElementType(options.cacheType);
  if (!cacheType)
    return cacheType.takeError();
  LanguageModel model;
  model.directory = directory.str();
  llvm::Expected<ModelDirectory> files = ModelDirectory::open(directory);
  if (!files)
    return files.takeError();
  TokenizerReader tokenizer(directory);
  std::optional<Stopwatch> watch;
  watch.emplace(model.times, "mapping the weights");
  auto weights = files->openWeights();
  if (!weights)
    return weights.takeError();
  model.weightSource = std::move(*weights);
  // Encoders have no such param.
  if (*cacheType != "f32")
    model.descriptionParams.emplace_back("T", *cacheType);
  watch.emplace(model.times, "reading the description");
  llvm::Expected<Graph> graph =
      Graph::fromFile(directory, model.descriptionParams, "", "", model.weightSource);
  if (!graph)
    return graph.takeError();
  // Before the work: what is wrong with the directory, and what it says of text.
  llvm::Expected<std::vector<End>> ends = findEnds(*files);
  if (!ends)
    return ends.takeError();
  watch.reset();
  if (llvm::Error error = model.readExports(*graph, options))
    return std::move(error);
  // Only now is it known how long sequences get, which some rotations depend on.
  if (auto usesRoom = llvm::dyn_cast_or_null<mlir::BoolAttr>(graph->exported("uses_room"));
      usesRoom && usesRoom.getValue()) {
    model.descriptionParams.emplace_back("room", model.context);
    graph = Graph::fromFile(directory, model.descriptionParams, "", "", model.weightSource);
    if (!graph)
      return graph.takeError();
  }
  if (llvm::Error error = model.compileEntries(std::move(*graph), options))
    return std::move(error);
  model.layout.model = std::make_shared<ModelIdentity>(files->config(), model.weightSource);
  for (const End &end : *ends) {
    if (end.token >= model.vocabulary)
      return llvm::createStringError(end.path + ": expected 'eos_token_id', a token below " +
                                     Twine(model.vocabulary) + ", got " + Twine(end.token));
    model.ends.push_back(end.token);
  }
  watch.emplace(model.times, "waiting for the tokenizer");
  if (llvm::Error error = tokenizer.finish(model.textTokenizer))
    return std::move(error);
  watch.reset();
  returnFreeMemory(); // what describing and compiling took
  return model;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

/// How many keys the first `tokens` tokens see in all, each up to `window` of them.
static double keysSeen(int64_t tokens, int64_t window) {
  auto ramp = static_cast<double>(std::min(tokens, window));
  return ramp * (ramp + 1) / 2 + (static_cast<double>(tokens) - ramp) * static_cast<double>(window);
}

double LanguageModel::attentionProducts(int64_t begin, int64_t end) const {
  auto products = [&](int64_t perPair, int64_t seen) {
    return static_cast<double>(perPair) * (keysSeen(end, seen) - keysSeen(begin, seen));
  };
  return products(globalProducts, end) + products(localProducts, window);
}

llvm::Expected<KvCache> LanguageModel::createCache(int64_t sequences) const {
  return KvCache::create(layout, sequences, context, chunk);
}

llvm::Error LanguageModel::checkTokens(llvm::ArrayRef<TokenId> tokens) const {
  if (tokens.empty())
    return llvm::createStringError("expected at least one token, got none");
  for (TokenId token : tokens)
    if (token < 0 || token >= vocabulary)
      return llvm::createStringError("expected tokens below " + Twine(vocabulary) + ", got " +
                                     Twine(token));
  return llvm::Error::success();
}

/// Runs the step on `sequences` sequences from `first` on, which get as many tokens each.
llvm::Error LanguageModel::run(KvCache &cache, int64_t first, llvm::ArrayRef<int64_t> ids,
                               int64_t sequences, MutableTensorView logits) const {
  auto length = static_cast<int64_t>(ids.size()) / sequences;
  llvm::SmallVector<int64_t> positions;
  for (int64_t i = 0; i < sequences; ++i) {
    if (llvm::Error error = cache.checkFits(first + i, length))
      return error;
    positions.push_back(cache.length(first + i));
  }
  llvm::SmallVector<NamedView> inputs = {{"input_ids", TensorView(ids.data(), {sequences, length})},
                                         {"position", TensorView(positions.data(), {sequences})}};
  llvm::SmallVector<NamedMutableView> outputs = {{"logits", logits}};
  for (NamedMutableView &view : cache.views(first, sequences)) {
    inputs.emplace_back(view.first, view.second);
    outputs.push_back(std::move(view));
  }
  if (llvm::Error error = compiled->runInto(inputs, outputs, "step"))
    return error;
  for (int64_t i = 0; i < sequences; ++i)
    cache.advance(first + i, length);
  return llvm::Error::success();
}

llvm::Expected<Tensor> LanguageModel::prefill(KvCache &cache, int64_t sequence,
                                              llvm::ArrayRef<TokenId> tokens) const {
  if (llvm::Error error = checkTokens(tokens))
    return std::move(error);
  auto total = static_cast<int64_t>(tokens.size());
  // All or nothing: a prompt that does not fit leaves the cache as it is.
  if (total > cache.capacity() - cache.length(sequence))
    return cache.fullError(sequence, total);
  llvm::Expected<Tensor> logits = Tensor::createUninitialized(DataType::F32, {1, vocabulary});
  if (!logits)
    return logits;
  llvm::SmallVector<int64_t> ids(tokens.begin(), tokens.end());
  for (int64_t begin = 0; begin < total; begin += cache.chunk()) {
    int64_t length = std::min(cache.chunk(), total - begin);
    if (llvm::Error error = run(cache, sequence, llvm::ArrayRef(ids).slice(begin, length), 1,
                                logits->mutableView()))
      return std::move(error);
  }
  return logits;
}

llvm::Expected<Tensor> LanguageModel::decode(KvCache &cache, llvm::ArrayRef<TokenId> tokens,
                                             int64_t first) const {
  if (llvm::Error error = checkTokens(tokens))
    return std::move(error);
  auto sequences = static_cast<int64_t>(tokens.size());
  if (first < 0 || sequences > cache.sequences() - first)
    return llvm::createStringError("expected sequences below " + Twine(cache.sequences()) +
                                   ", got " + Twine(sequences) + " from " + Twine(first) + " on");
  llvm::Expected<Tensor> logits =
      Tensor::createUninitialized(DataType::F32, {sequences, vocabulary});
  if (!logits)
    return logits;
  llvm::SmallVector<int64_t> ids(tokens.begin(), tokens.end());
  if (llvm::Error error = run(cache, first, ids, sequences, logits->mutableView()))
    return std::move(error);
  return logits;
}
