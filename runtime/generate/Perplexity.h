// How well a model predicts a text, as it is stored and with quantised weights or narrow caches.
#ifndef FOVEA_RUNTIME_GENERATE_PERPLEXITY_H
#define FOVEA_RUNTIME_GENERATE_PERPLEXITY_H

#include "frontend/tokenizer/Tokenizer.h"
#include <functional>
#include <string>

namespace fovea {

struct PerplexityOptions {
  unsigned threads = 0; // 0: one for each CPU
  // What to compare with; by default with nothing:
  std::string quantize = "";     // weights as "q8" or "q4"
  std::string cacheType = "f32"; // keys and values as f16, bf16 or q8
  std::string cpu = "native";
  int64_t window = 512; // tokens; each window begins anew, and at most the model's context
  std::function<void(double)> packingProgress = nullptr; // as CompileOptions has it
};

struct Perplexity {
  int64_t tokens = 0; // predicted: all but the first of each window
  double stored = 0;  // exp of the mean of -log(probability of the token), arithmetic in f32
  /// Only if there is something to compare with:
  double compared = 0;
  double largestError = 0; // of a logit, relative to the largest magnitude of a logit
  double rmsError = 0;     // of the logits, relative to their root mean square
};

/// An error if a text of so many tokens has none to predict from those before.
llvm::Error checkTextLength(size_t tokens);

/// Runs the description's `forward` on the text, window by window. An error if there are fewer than
/// two tokens, or tokens that are not of the vocabulary.
llvm::Expected<Perplexity> measurePerplexity(llvm::StringRef directory,
                                             llvm::ArrayRef<TokenId> tokens,
                                             const PerplexityOptions &options = {});

} // namespace fovea

#endif // FOVEA_RUNTIME_GENERATE_PERPLEXITY_H
