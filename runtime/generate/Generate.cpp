// The loop of generation: prefill, then draw and decode until something ends it. One sequence is a
// batch of one.
#include "runtime/Stopwatch.h"
#include "runtime/generate/LanguageModel.h"
#include "llvm/ADT/STLExtras.h"
#include <limits>

using namespace fovea;
namespace {
/// One sequence on its way.
class Continuation {
public:
  static llvm::Expected<Continuation> create(const LanguageModel &model,
                                             llvm::ArrayRef<TokenId> prompt,
                                             const GenerationOptions &options);

  /// Draws the next token from logits f32[1, V]. Afterwards the sequence may have ended.
  llvm::Error draw(const LanguageModel &model, const TensorView &logits);
  llvm::Error finish();

  bool hasEnded = false;
  Generation result;

private:
  Continuation(Sampler sampler, const GenerationOptions &options)
      : sampler(std::move(sampler)), options(&options) {}
  llvm::Error emit(TokenId token);
  void end(StopReason reason);

  Sampler sampler;
  std::optional<TokenStream> stream;
  const GenerationOptions *options;
};
} // namespace

llvm::Expected<Continuation> Continuation::create(const LanguageModel &model,
                                                  llvm::ArrayRef<TokenId> prompt,
                                                  const GenerationOptions &options) {
  if (llvm::Error error = model.checkTokens(prompt))
    return std::move(error);
  SamplingOptions sampling = options.sampling;
  if (options.ignoreEos)
    for (TokenId token : model.endTokens())
      sampling.logitBias.emplace_back(token, -std::numeric_limits<float>::infinity());
  llvm::Expected<Sampler> sampler = Sampler::create(sampling, model.vocabularySize());
  if (!sampler)
    return sampler.takeError();
  Continuation continuation(std::move(*sampler), options);
  continuation.result.prompt.assign(prompt.begin(), prompt.end());
  if (model.tokenizer())
    continuation.stream.emplace(*model.tokenizer());
  // What the first piece of text is depends on what it comes after.
  for (TokenId token : prompt) {
    continuation.sampler.accept(token);
    if (!continuation.stream)
      continue;
    llvm::Expected<std::string> text = continuation.stream->push(token);
    if (!text)
      return text.takeError();
  }
  if (options.maxTokens == 0)
    continuation.end(StopReason::TokenLimit);
  return continuation;
}

void Continuation::end(StopReason reason) {
  result.stop = reason;
  hasEnded = true;
}

llvm::Error Continuation::emit(TokenId token) {
  result.tokens.push_back(token);
  std::string piece;
  if (stream) {
    llvm::Expected<std::string> text = stream->push(token);
    if (!text)
      return text.takeError();
    piece = std::move(*text);
  }
  result.text += piece;
  if (options->onToken && !options->onToken(token, piece))
    end(StopReason::Caller);
  return llvm::Error::success();
}

llvm::Error Continuation::draw(const LanguageModel &model, const TensorView &logits) {
  llvm::Expected<TokenId> token = sampler.sample(model.executable(), logits);
  if (!token)
    return token.takeError();
  if (llvm::is_contained(model.endTokens(), *token)) {
    end(StopReason::EndOfSequence);
    return llvm::Error::success();
  }
  sampler.accept(*token);
  if (llvm::Error error = emit(*token))
    return error;
  if (!hasEnded && static_cast<int64_t>(result.tokens.size()) == options->maxTokens)
    end(StopReason::TokenLimit);
  return llvm::Error::success();
}

llvm::Error Continuation::finish() {
  // Without a token what is pending is the end of the prompt.
  if (!stream || result.tokens.empty())
    return llvm::Error::success();
  llvm::Expected<std::string> rest = stream->finish();
  if (!rest)
    return rest.takeError();
  result.text += *rest;
  if (options->onToken && !rest->empty())
    options->onToken(result.tokens.back(), *rest);
  return llvm::Error::success();
}

/// One token more for the running sequences of [first, last), which are decoded together.
static llvm::Error decodeRun(const LanguageModel &model, KvCache &cache,
                             llvm::MutableArrayRef<Continuation> all, size_t first, size_t last) {
  std::vector<TokenId> tokens;
  for (size_t i = first; i < last; ++i)
    tokens.push_back(all[i].result.tokens.back());
  Clock::time_point start = Clock::now();
  llvm::Expected<Tensor> logits = model.decode(cache, tokens, static_cast<int64_t>(first));
  if (!logits)
    return logits.takeError();
  for (size_t i = first; i < last; ++i) {
    const float *row = logits->dataAs<float>() + (i - first) * model.vocabularySize();
    if (llvm::Error error = all[i].draw(model, TensorView(row, {1, model.vocabularySize()})))
      return error;
    all[i].result.decodeSeconds += secondsSince(start);
  }
  return llvm::Error::success();
}

/// Decodes until all have ended. Neighbours that still run share one pass over the weights.
static llvm::Error decodeAll(const LanguageModel &model, KvCache &cache,
                             llvm::MutableArrayRef<Continuation> all) {
  auto isRunning = [&](size_t i) { return i < all.size() && !all[i].hasEnded; };
  for (bool any = true; any;) {
    any = false;
    for (size_t i = 0; i < all.size(); ++i)
      if (isRunning(i) && cache.length(static_cast<int64_t>(i)) == cache.capacity()) {
        all[i].result.stop = StopReason::ContextFull;
        all[i].hasEnded = true;
      }
    for (size_t first = 0; first < all.size(); ++first) {
      size_t last = first;
      while (isRunning(last))
        ++last;
      if (last == first)
        continue;
      if (llvm::Error error = decodeRun(model, cache, all, first, last))
        return error;
      any = true;
      first = last;
    }
  }
  return llvm::Error::success();
}

static llvm::Expected<std::vector<Generation>>
generateWith(const LanguageModel &model, KvCache &cache, std::vector<Continuation> all) {
  for (auto [i, continuation] : llvm::enumerate(all)) {
    Clock::time_point start = Clock::now();
    llvm::Expected<Tensor> logits =
        model.prefill(cache, static_cast<int64_t>(i), continuation.result.prompt);
    if (!logits)
      return logits.takeError();
    continuation.result.prefillSeconds = secondsSince(start);
    if (continuation.hasEnded)
      continue;
    if (llvm::Error error = continuation.draw(model, *logits))
      return std::move(error);
  }
  if (llvm::Error error = decodeAll(model, cache, all))
    return std::move(error);
  std::vector<Generation> results;
  for (Continuation &continuation : all) {
    if (llvm::Error error = continuation.finish())
      return std::move(error);
    results.push_back(std::move(continuation.result));
  }
  return results;
}

llvm::Expected<Generation> LanguageModel::generate(llvm::ArrayRef<TokenId> prompt,
                                                   const GenerationOptions &options,
                                                   KvCache *cache) const {
  std::optional<KvCache> own;
  if (!cache) {
    llvm::Expected<KvCache> created = createCache();
    if (!created)
      return created.takeError();
    cache = &own.emplace(std::move(*created));
  }
  llvm::Expected<Continuation> continuation = Continuation::create(*this, prompt, options);
  if (!continuation)
    return continuation.takeError();
  std::vector<Continuation> all;
  all.push_back(std::move(*continuation));
  auto results = generateWith(*this, *cache, std::move(all));
  if (!results)
    return results.takeError();
  return std::move(results->front());
}

llvm::Expected<Generation> LanguageModel::generate(llvm::StringRef prompt,
                                                   const GenerationOptions &options) const {
  if (!textTokenizer)
    return llvm::createStringError(directory + ": expected a tokenizer.json, or vocab.json and "
                                               "merges.txt, to read the prompt with");
  llvm::Expected<std::vector<TokenId>> ids = textTokenizer->encode(prompt);
  return ids ? generate(llvm::ArrayRef(*ids), options) : ids.takeError();
}

llvm::Expected<std::vector<Generation>>
LanguageModel::generateBatch(llvm::ArrayRef<std::vector<TokenId>> prompts,
                             llvm::ArrayRef<GenerationOptions> options) const {
  if (prompts.empty() || prompts.size() != options.size())
    return llvm::createStringError("expected options for each of one or more prompts, got " +
                                   llvm::Twine(options.size()) + " for " +
                                   llvm::Twine(prompts.size()));
  llvm::Expected<KvCache> cache = createCache(static_cast<int64_t>(prompts.size()));
  if (!cache)
    return cache.takeError();
  std::vector<Continuation> all;
  for (auto [prompt, choice] : llvm::zip_equal(prompts, options)) {
    llvm::Expected<Continuation> continuation = Continuation::create(*this, prompt, choice);
    if (!continuation)
      return continuation.takeError();
    all.push_back(std::move(*continuation));
  }
  return generateWith(*this, *cache, std::move(all));
}
