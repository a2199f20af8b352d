// A language model from a model directory, compiled and ready to continue text:
//
//   auto model = fovea::LanguageModel::load("DIR", {.threads = 2});
//   auto text = model->generate("Once upon a time", {.maxTokens = 100});
//
// A LanguageModel does not change: any number of threads may use it, each with caches of its own.
#ifndef FOVEA_RUNTIME_GENERATE_LANGUAGEMODEL_H
#define FOVEA_RUNTIME_GENERATE_LANGUAGEMODEL_H

#include "frontend/Graph.h"
#include "runtime/generate/KvCache.h"
#include "runtime/generate/Sampler.h"
#include "runtime/inspect/CompilationRecord.h"
#include <functional>
#include <optional>

namespace fovea {

struct ModelOptions {
  unsigned threads = 0;          // 0: one for each CPU
  int64_t contextSize = -1;      // tokens of a sequence; 0: what the model can; -1: 4096, if it can
  int64_t chunkSize = 0;         // tokens of a prompt processed at once; 0: see chooseChunkSize
  std::string cacheType = "f32"; // or f16, bf16, q8
  std::string quantize = "";     // hold weights of products as "q8" or "q4"
  std::string cpu = "native";
  std::string route = "fast";
  std::string cacheDirectory = ""; // of compiled code, as CompileOptions has it; none if empty
  bool cacheWeights = false;       // packed weights are kept there too
  Requirements require = {};       // what fails the compilation where passes do not reach it
  /// Called once, with what the compiler did, if it is not empty.
  std::function<void(const CompilationRecord &)> report = nullptr;
  std::function<void(double)> packingProgress = nullptr; // as CompileOptions has it
};

enum class StopReason { EndOfSequence, TokenLimit, ContextFull, Caller };

struct GenerationOptions {
  SamplingOptions sampling;
  int64_t maxTokens = -1; // -1: until an end of sequence or the end of the context
  bool ignoreEos = false; // forbids the tokens that end a sequence
  /// Called with each token and the text that became certain with it; false stops.
  std::function<bool(TokenId, llvm::StringRef)> onToken = nullptr;
};

struct Generation {
  std::vector<TokenId> prompt, tokens; // an end of sequence is not among the tokens
  std::string text;                    // empty if the model has no tokenizer
  StopReason stop = StopReason::TokenLimit;
  double prefillSeconds = 0, decodeSeconds = 0;
};

class LanguageModel {
public:
  /// Reads config.json, compiles the description of its model_type (or the directory's own
  /// model.fov) and opens the weights and the tokenizer. An error names an unknown model_type, a
  /// tensor that is missing, of another shape, or not used, or a switch that is not supported.
  static llvm::Expected<LanguageModel> load(llvm::StringRef directory,
                                            const ModelOptions &options = {});

  /// Null if the directory has none.
  const Tokenizer *tokenizer() const { return textTokenizer ? &*textTokenizer : nullptr; }
  int64_t contextSize() const { return context; }
  int64_t vocabularySize() const { return vocabulary; }
  /// Of a mixture how many experts each token has in a layer, 0 where there is none.
  int64_t expertsPerToken() const { return expertsOfToken; }
  const Executable &executable() const { return *compiled; }
  /// How long the steps of loading took, other than those of compiling.
  llvm::ArrayRef<PhaseTime> loadTimes() const { return times; }
  const WeightSource &weights() const { return *weightSource; }
  /// What the description was imported with.
  const Params &params() const { return descriptionParams; }
  /// The tokens that end a sequence.
  llvm::ArrayRef<TokenId> endTokens() const { return ends; }

  /// Multiply-adds of attention for the tokens at the positions [begin, end) of a sequence: with
  /// the keys that each sees. 0 if the description does not say.
  double attentionProducts(int64_t begin, int64_t end) const;

  llvm::Expected<KvCache> createCache(int64_t sequences = 1) const;

  /// An error unless there are tokens, all of the vocabulary.
  llvm::Error checkTokens(llvm::ArrayRef<TokenId> tokens) const;

  /// Appends tokens to a sequence, in chunks; the logits f32[1, V] after the last. The chunks
  /// change no bit of them, nor do other sequences of the cache.
  llvm::Expected<Tensor> prefill(KvCache &cache, int64_t sequence,
                                 llvm::ArrayRef<TokenId> tokens) const;

  /// Appends one token each to the sequences from `first` on; their logits f32[n, V].
  llvm::Expected<Tensor> decode(KvCache &cache, llvm::ArrayRef<TokenId> tokens,
                                int64_t first = 0) const;

  /// Continues a text, or the ids of one. With a cache, sequence 0 of it is continued, and `prompt`
  /// is what comes after what is there.
  llvm::Expected<Generation> generate(llvm::StringRef prompt,
                                      const GenerationOptions &options = {}) const;
  llvm::Expected<Generation> generate(llvm::ArrayRef<TokenId> prompt,
                                      const GenerationOptions &options = {},
                                      KvCache *cache = nullptr) const;

  /// Continues several prompts, which share every pass over the weights. Each result is what the
  /// prompt alone gives; `onToken` is called with all of them in turn.
  llvm::Expected<std::vector<Generation>>
  generateBatch(llvm::ArrayRef<std::vector<TokenId>> prompts,
                llvm::ArrayRef<GenerationOptions> options) const;

private:
  LanguageModel() = default;
  llvm::Error readExports(const Graph &graph, const ModelOptions &options);
  llvm::Error compileEntries(Graph graph, const ModelOptions &options);
  llvm::Error run(KvCache &cache, int64_t first, llvm::ArrayRef<int64_t> ids, int64_t sequences,
                  MutableTensorView logits) const;

  std::string directory;
  Params descriptionParams;
  std::shared_ptr<const WeightSource> weightSource;
  std::optional<Tokenizer> textTokenizer;
  std::optional<Executable> compiled;
  std::vector<PhaseTime> times;
  CacheLayout layout;
  std::vector<TokenId> ends;
  int64_t context = 0, vocabulary = 0, chunk = 0, window = 0;
  int64_t globalProducts = 0, localProducts = 0; // multiply-adds for a query and a key
  int64_t expertsOfToken = 0;
};

} // namespace fovea

#endif // FOVEA_RUNTIME_GENERATE_LANGUAGEMODEL_H
