#include "runtime/generate/Sampler.h"
#include "llvm/ADT/Twine.h"
#include <cmath>

using namespace fovea;
using llvm::Twine;

static llvm::Error outOfRange(llvm::StringRef name, llvm::StringRef expected, double got) {
  return llvm::createStringError("expected %s to be %s, got %g", name.str().c_str(),
                                 expected.str().c_str(), got);
}

llvm::Error SamplingOptions::validate() const {
  auto isNumber = [](float x) { return std::isfinite(x); };
  if (!isNumber(temperature) || temperature < 0)
    return outOfRange("temperature", "finite and at least 0", temperature);
  if (topK < 0)
    return outOfRange("top-k", "at least 0", static_cast<double>(topK));
  if (!(topP >= 0 && topP <= 1))
    return outOfRange("top-p", "from 0 to 1", topP);
  if (!(minP >= 0 && minP <= 1))
    return outOfRange("min-p", "from 0 to 1", minP);
  if (!isNumber(repeatPenalty) || repeatPenalty <= 0)
    return outOfRange("repeat penalty", "finite and above 0", repeatPenalty);
  if (!isNumber(frequencyPenalty))
    return outOfRange("frequency penalty", "finite", frequencyPenalty);
  if (!isNumber(presencePenalty))
    return outOfRange("presence penalty", "finite", presencePenalty);
  if (repeatLastN < 0)
    return outOfRange("repeat-last-n", "at least 0", static_cast<double>(repeatLastN));
  return llvm::Error::success();
}

bool SamplingOptions::hasPenalties() const {
  return repeatLastN > 0 && (repeatPenalty != 1 || frequencyPenalty != 0 || presencePenalty != 0);
}

llvm::Expected<Sampler> Sampler::create(const SamplingOptions &options, int64_t vocabularySize) {
  if (llvm::Error error = options.validate())
    return std::move(error);
  Sampler sampler;
  sampler.options = options;
  sampler.adjusts = options.hasPenalties() || !options.logitBias.empty();
  if (!sampler.adjusts)
    return sampler;
  for (Tensor *tensor : {&sampler.counts, &sampler.bias, &sampler.adjusted}) {
    llvm::Expected<Tensor> zeros = Tensor::create(DataType::F32, {1, vocabularySize});
    if (!zeros)
      return zeros.takeError();
    *tensor = std::move(*zeros);
  }
  for (auto [token, bias] : options.logitBias) {
    if (token < 0 || token >= vocabularySize || std::isnan(bias))
      return llvm::createStringError("logit bias: expected a token below " + Twine(vocabularySize) +
                                     " and a number, got " + Twine(token) + " and " +
                                     std::to_string(bias));
    sampler.bias.dataAs<float>()[token] += bias;
  }
  return sampler;
}

void Sampler::accept(TokenId token) {
  if (!options.hasPenalties())
    return;
  auto *count = counts.dataAs<float>();
  recent.push_back(token);
  ++count[token];
  if (static_cast<int64_t>(recent.size()) <= options.repeatLastN)
    return;
  --count[recent.front()];
  recent.pop_front();
}

llvm::Error Sampler::penalize(const Executable &executable, const TensorView &logits) {
  return executable.runInto({{"logits", logits},
                             {"counts", counts},
                             {"bias", bias},
                             {"repeat", TensorView(&options.repeatPenalty, {})},
                             {"frequency", TensorView(&options.frequencyPenalty, {})},
                             {"presence", TensorView(&options.presencePenalty, {})}},
                            {{"logits", adjusted.mutableView()}}, "penalize");
}

/// A seed for each draw of a sequence (the finaliser of SplitMix64, a bijection).
static uint64_t seedOf(uint64_t seed, uint64_t draw) {
  uint64_t x = seed + (draw + 1) * 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

llvm::Expected<TokenId> Sampler::sample(const Executable &executable, const TensorView &logits) {
  if (adjusts)
    if (llvm::Error error = penalize(executable, logits))
      return std::move(error);
  auto seed = static_cast<int64_t>(seedOf(options.seed, draws++));
  int64_t id = 0;
  llvm::Error error = executable.runInto({{"logits", adjusts ? adjusted.view() : logits},
                                          {"temperature", TensorView(&options.temperature, {})},
                                          {"top_k", TensorView(&options.topK, {})},
                                          {"top_p", TensorView(&options.topP, {})},
                                          {"min_p", TensorView(&options.minP, {})},
                                          {"seed", TensorView(&seed, {})}},
                                         {{"ids", MutableTensorView(&id, {1})}}, "draw");
  if (error)
    return std::move(error);
  return static_cast<TokenId>(id);
}
