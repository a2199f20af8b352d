#include "BenchModel.h"
#include "PeakMemory.h"
#include "ProgramPages.h"
#include "runtime/Stopwatch.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <set>

using namespace fovea;
using namespace fovea::tool;

static double ratioOf(const Rate &rate, double amount, double PeakRates::*peak) {
  std::vector<double> ratios;
  for (auto [seconds, peaks] : llvm::zip(rate.seconds, rate.peaks))
    ratios.push_back(amount / seconds / (peaks.*peak));
  return median(std::move(ratios));
}

double Rate::ofFmaPeak() const { return ratioOf(*this, operations, &PeakRates::operations); }
double Rate::ofReadBandwidth() const { return ratioOf(*this, bytes, &PeakRates::bytes); }

namespace {
/// What the weights of a model cost.
struct Work {
  int64_t bytes = 0;         // read in each step, but for those of experts
  int64_t expertBytes = 0;   // of all experts
  double expertShare = 1;    // of these, for one token
  int64_t held = 0;          // in memory
  double tokenProducts = 0;  // multiply-adds for each token
  double logitsProducts = 0; // and for each row of logits

  /// That a step of some tokens reads, at most.
  double bytesOf(int64_t tokens) const {
    double share = std::min(1.0, static_cast<double>(tokens) * expertShare);
    return static_cast<double>(bytes) + share * static_cast<double>(expertBytes);
  }
};
} // namespace

/// Vectors and what products read; of other matrices, such as positions, a step gathers some rows.
/// Matrices with an index beside the layer's are those of experts.
static Work workOf(llvm::ArrayRef<WeightSpec> weights, const LanguageModel &model) {
  Work work;
  int64_t vocabulary = model.vocabularySize();
  for (const WeightSpec &weight : weights) {
    work.held += weight.numBytes();
    if (!weight.panels && weight.sizes.size() > 1)
      continue;
    bool isExpert = weight.panels && weight.counts.size() > 1 && model.expertsPerToken() > 0;
    (isExpert ? work.expertBytes : work.bytes) += weight.numBytes();
    if (!weight.panels)
      continue;
    if (isExpert)
      work.expertShare = std::min(1.0, static_cast<double>(model.expertsPerToken()) /
                                           static_cast<double>(weight.counts.back()));
    double products = static_cast<double>(weight.slots().reachedSize());
    for (int64_t size : weight.sizes)
      products *= static_cast<double>(size);
    products *= isExpert ? work.expertShare : 1;
    bool makesLogits = weight.counts.empty() && llvm::is_contained(weight.sizes, vocabulary);
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

namespace {
/// What is run over and over. `run` calls `pause` where it may be interrupted.
struct Repeated {
  llvm::function_ref<llvm::Error()> prepare;
  llvm::function_ref<llvm::Error(llvm::function_ref<void()> pause)> run;
};

/// The machine's peaks before, between and after what one repetition does.
class Turns {
public:
  explicit Turns(PeakMeter &meter) : meter(meter) {}

  /// The repetition's seconds, without those of measuring.
  llvm::Expected<double> time(const Repeated &repeated);
  /// The best for operations, the mean for bytes.
  PeakRates peaks() const;

private:
  void measure();
  void pause();

  PeakMeter &meter;
  std::vector<PeakRates> all;
  double away = 0;
  Clock::time_point latest;
};
} // namespace

void Turns::measure() {
  all.push_back(meter.measure());
  latest = Clock::now();
}

/// Memory's speed changes within tenths of a second.
static constexpr double secondsBetweenPeaks = 0.1;

void Turns::pause() {
  if (secondsSince(latest) < secondsBetweenPeaks)
    return;
  Clock::time_point start = Clock::now();
  measure();
  away += secondsSince(start);
}

llvm::Expected<double> Turns::time(const Repeated &repeated) {
  if (llvm::Error error = repeated.prepare())
    return std::move(error);
  measure();
  Clock::time_point start = Clock::now();
  if (llvm::Error error = repeated.run([&] { pause(); }))
    return std::move(error);
  double seconds = secondsSince(start) - away;
  measure();
  return seconds;
}

PeakRates Turns::peaks() const {
  PeakRates rates;
  for (const PeakRates &each : all) {
    rates.operations = std::max(rates.operations, each.operations);
    rates.bytes += each.bytes / static_cast<double>(all.size());
  }
  return rates;
}

/// Repetitions in turns with the machine's peaks: its speed moves by a third within seconds where
/// it is shared. The first repetition, which touches memory for the first time, does not count; the
/// memory in use is that of its end, before that of the peaks is made, and without what an earlier
/// meter of peaks has left.
static llvm::Error repeat(const BenchPlan &plan, llvm::StringRef cpu, const Repeated &repeated,
                          Rate &rate, BenchResult &result) {
  releaseProgramPages();
  forgetPeakMemory();
  if (llvm::Error error = repeated.prepare())
    return error;
  if (llvm::Error error = repeated.run([] {}))
    return error;
  result.peakMemory = std::max(result.peakMemory, peakMemory());
  llvm::Expected<PeakMeter> meter = PeakMeter::create(result.threads, cpu);
  if (!meter)
    return meter.takeError();
  for (int64_t i = 0; i < plan.repetitions; ++i) {
    Turns turns(*meter);
    llvm::Expected<double> seconds = turns.time(repeated);
    if (!seconds)
      return seconds.takeError();
    rate.seconds.push_back(*seconds);
    rate.peaks.push_back(turns.peaks());
  }
  return llvm::Error::success();
}

static llvm::Error measurePrefill(const LanguageModel &model, const Work &work,
                                  const BenchPlan &plan, llvm::StringRef cpu, BenchResult &result) {
  Rate &rate = result.prefill;
  llvm::Expected<KvCache> cache = model.createCache();
  if (!cache)
    return cache.takeError();
  result.cacheBytes = std::max(result.cacheBytes, cache->numBytes());
  std::vector<TokenId> tokens = tokensOf(plan.promptTokens, model.vocabularySize());
  rate.tokens = plan.promptTokens;
  result.chunkSize = cache->chunk();
  int64_t chunks = (plan.promptTokens - 1) / cache->chunk() + 1;
  rate.operations = 2 * (work.tokenProducts * static_cast<double>(plan.promptTokens) +
                         work.logitsProducts * static_cast<double>(chunks) +
                         model.attentionProducts(0, plan.promptTokens));
  rate.bytes =
      static_cast<double>(chunks) * work.bytesOf(std::min(plan.promptTokens, cache->chunk()));
  auto run = [&](llvm::function_ref<void()>) {
    return model.prefill(*cache, 0, tokens).takeError();
  };
  return repeat(plan, cpu, {[&] { return empty(*cache); }, run}, rate, result);
}

static llvm::Error measureDecode(const LanguageModel &model, const Work &work,
                                 const BenchPlan &plan, llvm::StringRef cpu, BenchResult &result) {
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
  rate.bytes = steps * (work.bytesOf(plan.sequences) +
                        bytesOfPosition * (static_cast<double>(plan.depth) + (steps + 1) / 2));
  auto run = [&](llvm::function_ref<void()> pause) -> llvm::Error {
    for (int64_t i = 0; i < plan.newTokens; ++i, pause())
      if (llvm::Error error = model.decode(*cache, tokens).takeError())
        return error;
    return llvm::Error::success();
  };
  return repeat(plan, cpu, {prepare, run}, rate, result);
}

static PeakRates medianOf(std::initializer_list<const Rate *> rates) {
  std::vector<double> operations, bytes;
  for (const Rate *rate : rates)
    for (const PeakRates &peaks : rate->peaks) {
      operations.push_back(peaks.operations);
      bytes.push_back(peaks.bytes);
    }
  return {median(std::move(operations)), median(std::move(bytes))};
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
  Work work = workOf(model->executable().weights(), *model);
  result.weightBytes = static_cast<int64_t>(work.bytesOf(1));
  result.heldBytes = work.held;
  result.storedTypes = typesOfMatrices(model->weights());
  releaseLoadingMemory();
  result.peakMemory = peakMemory();
  if (plan.promptTokens > 0)
    if (llvm::Error error = measurePrefill(*model, work, plan, options.cpu, result))
      return std::move(error);
  if (plan.newTokens > 0)
    if (llvm::Error error = measureDecode(*model, work, plan, options.cpu, result))
      return std::move(error);
  result.ceilings = medianOf({&result.prefill, &result.decode});
  return result;
}
