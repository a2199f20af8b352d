// How fast a language model reads prompts and writes tokens, beside what the machine can do.
#ifndef FOVEA_TOOLS_FOVEA_BENCHMODEL_H
#define FOVEA_TOOLS_FOVEA_BENCHMODEL_H

#include "runtime/Median.h"
#include "runtime/ceilings/Ceilings.h"
#include "runtime/generate/LanguageModel.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

namespace fovea::tool {

/// What is measured. Lengths are exact.
struct BenchPlan {
  int64_t promptTokens = 512; // 0: no prefill
  int64_t newTokens = 128;    // 0: no decode
  int64_t depth = 0;          // tokens in the cache before decoding
  int64_t sequences = 1;      // decoded at once
  int64_t repetitions = 5;
};

/// Seconds of each repetition, the better peaks of before and after it, and what one repetition
/// does.
struct Rate {
  std::vector<double> seconds;
  std::vector<PeakRates> peaks;
  int64_t tokens = 0;    // of all sequences
  double operations = 0; // of products with weights and of attention; two a multiply-add
  double bytes = 0;      // of weights and cache, as stored, read once a step

  double medianSeconds() const { return median(seconds); }
  double tokensPerSecond() const { return tokens / medianSeconds(); }
  /// Medians of the repetitions' ratios.
  double ofFmaPeak() const;
  double ofReadBandwidth() const;
};

struct BenchResult {
  unsigned threads = 0;
  PeakRates ceilings; // medians of all repetitions
  double loadSeconds = 0;
  int64_t weightBytes = 0; // that a token reads
  int64_t heldBytes = 0;   // of weights, as they are held
  int64_t cacheBytes = 0;  // the larger of those of prefill and decode
  int64_t peakMemory = 0;  // of loading and running; not of measuring ceilings
  std::string storedTypes; // of the matrices in the files: "bf16,f32"
  int64_t chunkSize = 0;   // tokens of a prompt that are processed at once
  Rate prefill, decode;    // no seconds if not measured
};

/// Loads and measures; nothing is sampled, and tokens are the same in each repetition.
llvm::Expected<BenchResult> benchModel(llvm::StringRef directory, const ModelOptions &options,
                                       const BenchPlan &plan);

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_BENCHMODEL_H
