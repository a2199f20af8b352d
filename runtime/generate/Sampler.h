// Choosing the next token. The work on logits is compiled with the model (the entries `penalize`
// and `draw`, frontend/models/shared/sampling.fov); what is kept here is the state between tokens.
// Names, defaults and order are llama.cpp's: logit bias, penalties, top-k, top-p, min-p,
// temperature.
#ifndef FOVEA_RUNTIME_GENERATE_SAMPLER_H
#define FOVEA_RUNTIME_GENERATE_SAMPLER_H

#include "frontend/tokenizer/Tokenizer.h"
#include "runtime/Executable.h"
#include <deque>

namespace fovea {

struct SamplingOptions {
  float temperature = 0.8f; // 0: the likeliest token
  int64_t topK = 40;        // 0: all
  float topP = 0.95f;       // 1: all
  float minP = 0.05f;       // 0: all
  float repeatPenalty = 1;  // 1: none
  float frequencyPenalty = 0;
  float presencePenalty = 0;
  int64_t repeatLastN = 64; // tokens that penalties look back; 0: none
  /// Added to the logits of tokens; -infinity forbids one.
  std::vector<std::pair<TokenId, float>> logitBias;
  uint64_t seed = 0;

  /// An error that names the first option that is out of range.
  llvm::Error validate() const;
  bool hasPenalties() const;
};

/// The sampler of one sequence. The n-th draw depends on the seed, n and the logits alone.
class Sampler {
public:
  static llvm::Expected<Sampler> create(const SamplingOptions &options, int64_t vocabularySize);

  /// The next token, from f32 logits `[1, V]`, by the entries of `executable`.
  llvm::Expected<TokenId> sample(const Executable &executable, const TensorView &logits);
  /// Lets penalties know of a token, of the prompt or drawn.
  void accept(TokenId token);

private:
  llvm::Error penalize(const Executable &executable, const TensorView &logits);

  SamplingOptions options;
  bool adjusts = false;          // whether logits change before the draw
  Tensor counts, bias, adjusted; // f32[1, V], if so
  std::deque<TokenId> recent;
  uint64_t draws = 0;
};

} // namespace fovea

#endif // FOVEA_RUNTIME_GENERATE_SAMPLER_H
