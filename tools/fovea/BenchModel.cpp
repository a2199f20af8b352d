#include "BenchModel.h"
#include "PeakMemory.h"
#include "ProgramPages.h"
#include "runtime/Stopwatch.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <set>

using namespace fovea;
using namespace fovea::tool;
double Rate::medianSeconds() const {
  std::vector<double> sorted = seconds;
  llvm::sort(sorted);
  size_t middle = sorted.size() / 2;
  return sorted.size() % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

namespace {
/// What the weights of a model cost.
struct Work {
  int64_t bytes = 0;         // read in each step
  int64_t held = 0;          // in memory
  double tokenProducts = 0;  // multiply-adds for each token
  double logitsProducts = 0; // and for each row of logits
};
} // namespace

/// Vectors and what products read; of other matrices, such as positions, a step gathers some rows.
static Work workOf(llvm::ArrayRef<WeightSpec> weights, int64_t vocabulary) {
  Work work;
  for (const WeightSpec &weight : weights) {
    work.held += weight.numBytes();
    if (!weight.panels && weight.sizes.size() > 1)
      continue;
    work.bytes += weight.numBytes();
    if (!weight.panels)
      continue;
    double products = static_cast<double>(weight.count);
    for (int64_t size : weight.sizes)
      products *= static_cast<double>(size);
    bool makesLogits = weight.count == 1 && llvm::is_contained(weight.sizes, vocabulary);
    (makesLogits ? work.logitsProducts : work.tokenProducts) += products;
  }
  return work;
}

static std::string typesOfMatrices(const WeightSource &weights) {
  std::set<std::string> names;
  for (const std::string &name : weights.names())
    if (std::optional<TensorView> view = weights.findStored(name); view && view->rank() > 1)
      names.insert(stringify(view->dataType()).str());
  return llvm::join(names, ",");
}

/// Tokens spread over the vocabulary.
static std::vector<TokenId> tokensOf(int64_t count, int64_t vocabulary) {
  std::vector<TokenId> tokens;
  for (int64_t i = 0; i < count; ++i)
    tokens.push_back(static_cast<TokenId>((i * 7919 + 13) % vocabulary));
  return tokens;
}

static llvm::Error empty(KvCache &cache) {
  for (int64_t sequence = 0; sequence < cache.sequences(); ++sequence)
    if (llvm::Error error = cache.truncate(sequence, 0))
      return error;
  return llvm::Error::success();
}

/// The first repetition, which touches memory for the first time, does not count.
static llvm::Error repeat(int64_t repetitions, Rate &rate,
                          llvm::function_ref<llvm::Error()> prepare,
                          llvm::function_ref<llvm::Error()> run) {
  for (int64_t i = 0; i <= repetitions; ++i) {
    if (llvm::Error error = prepare())
      return error;
    Clock::time_point start = Clock::now();
    if (llvm::Error error = run())
      return error;
    if (i > 0)
      rate.seconds.push_back(secondsSince(start));
  }
  return llvm::Error::success();
}

static llvm::Error measurePrefill(const LanguageModel &model, const Work &work,
                                  const BenchPlan &plan, BenchResult &result) {
  Rate &rate = result.prefill;
  llvm::Expected<KvCache> cache = model.createCache();
  if (!cache)
    return cache.takeError();
  result.cacheBytes = std::max(result.cacheBytes, cache->numBytes());
  std::vector<TokenId> tokens = tokensOf(plan.promptTokens, model.vocabularySize());
  rate.tokens = plan.promptTokens;
  int64_t chunks = (plan.promptTokens - 1) / cache->chunk() + 1;
  rate.operations = 2 * (work.tokenProducts * static_cast<double>(plan.promptTokens) +
                         work.logitsProducts * static_cast<double>(chunks) +
                         model.attentionProducts(0, plan.promptTokens));
  rate.bytes = static_cast<double>(work.bytes * chunks);
  return repeat(
      plan.repetitions, rate, [&] { return empty(*cache); },
      [&] { return model.prefill(*cache, 0, tokens).takeError(); });
}

static llvm::Error measureDecode(const LanguageModel &model, const Work &work,
                                 const BenchPlan &plan, BenchResult &result) {
  Rate &rate = result.decode;
  llvm::Expected<KvCache> cache = model.createCache(plan.sequences);
  if (!cache)
    return cache.takeError();
  result.cacheBytes = std::max(result.cacheBytes, cache->numBytes());
  auto prepare = [&]() -> llvm::Error {
    if (llvm::Error error = empty(*cache))
      return error;
    std::vector<TokenId> before = tokensOf(plan.depth, model.vocabularySize());
    for (int64_t sequence = 0; plan.depth > 0 && sequence < plan.sequences; ++sequence)
      if (llvm::Error error = model.prefill(*cache, sequence, before).takeError())
        return error;
    return llvm::Error::success();
  };
  std::vector<TokenId> tokens = tokensOf(plan.sequences, model.vocabularySize());
  rate.tokens = plan.newTokens * plan.sequences;
  auto steps = static_cast<double>(plan.newTokens);
  double bytesOfPosition = static_cast<double>(cache->numBytes() / cache->capacity());
  rate.operations =
      2 * ((work.tokenProducts + work.logitsProducts) * static_cast<double>(rate.tokens) +
           model.attentionProducts(plan.depth, plan.depth + plan.newTokens) *
               static_cast<double>(plan.sequences));
  rate.bytes = steps * (static_cast<double>(work.bytes) +
                        bytesOfPosition * (static_cast<double>(plan.depth) + (steps + 1) / 2));
  return repeat(plan.repetitions, rate, prepare, [&]() -> llvm::Error {
    for (int64_t i = 0; i < plan.newTokens; ++i)
      if (llvm::Error error = model.decode(*cache, tokens).takeError())
        return error;
    return llvm::Error::success();
  });
}

static llvm::Error addCeilings(unsigned threads, llvm::StringRef cpu, PeakRates &best) {
  llvm::Expected<PeakRates> now = measurePeaks(threads, cpu);
  if (!now)
    return now.takeError();
  best.operations = std::max(best.operations, now->operations);
  best.bytes = std::max(best.bytes, now->bytes);
  return llvm::Error::success();
}

llvm::Expected<BenchResult> tool::benchModel(llvm::StringRef directory, const ModelOptions &options,
                                             const BenchPlan &plan) {
  BenchResult result;
  forgetPeakMemory();
  Clock::time_point start = Clock::now();
  llvm::Expected<LanguageModel> model = LanguageModel::load(directory, options);
  if (!model)
    return model.takeError();
  result.loadSeconds = secondsSince(start);
  result.threads = model->executable().threads();
  Work work = workOf(model->executable().weights(), model->vocabularySize());
  result.weightBytes = work.bytes;
  result.heldBytes = work.held;
  result.storedTypes = typesOfMatrices(model->weights());
  releaseProgramPages();
  result.peakMemory = peakMemory();
  if (llvm::Error error = addCeilings(result.threads, options.cpu, result.ceilings))
    return std::move(error);
  forgetPeakMemory();
  if (plan.promptTokens > 0)
    if (llvm::Error error = measurePrefill(*model, work, plan, result))
      return std::move(error);
  if (plan.newTokens > 0)
    if (llvm::Error error = measureDecode(*model, work, plan, result))
      return std::move(error);
  result.peakMemory = std::max(result.peakMemory, peakMemory());
  if (llvm::Error error = addCeilings(result.threads, options.cpu, result.ceilings))
    return std::move(error);
  return result;
}
