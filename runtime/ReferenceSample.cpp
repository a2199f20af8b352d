// attn.sample in the reference executor: top-k, top-p, min-p and the draw, in the order of its
// description, by sorting the whole vocabulary.
#include "dialect/AttnOps.h"
#include "dialect/Philox.h"
#include "runtime/ReferenceFrame.h"
#include <cmath>
#include <numeric>

using namespace mlir;
using namespace fovea;
using namespace fovea::reference;

namespace {
struct SamplingOptions {
  double temperature, topP, minP;
  int64_t topK;
};
} // namespace

/// exp((logit - largest) / temperature) of each token.
static std::vector<double> exponentials(const Cell *logits, ArrayRef<int64_t> tokens,
                                        double largest, double temperature) {
  std::vector<double> result;
  for (int64_t token : tokens)
    result.push_back(std::exp((logits[token].f - largest) / temperature));
  return result;
}

/// The tokens whose logits are numbers, largest first.
static SmallVector<int64_t> sortedTokens(const Cell *logits, int64_t count) {
  SmallVector<int64_t> tokens;
  for (int64_t token = 0; token < count; ++token)
    if (!std::isnan(logits[token].f))
      tokens.push_back(token);
  auto rank = [&](int64_t token) { return std::pair(-logits[token].f, token); };
  llvm::sort(tokens, [&](int64_t a, int64_t b) { return rank(a) < rank(b); });
  return tokens;
}

/// The candidates that top-k, top-p and min-p leave, largest logit first; never none (sample_s4).
static SmallVector<int64_t> keepCandidates(const Cell *logits, int64_t count,
                                           const SamplingOptions &options) {
  SmallVector<int64_t> tokens = sortedTokens(logits, count);
  if (tokens.empty())
    return {0};
  if (!std::isfinite(logits[tokens[0]].f))
    return {tokens[0]};
  if (options.topK > 0 && options.topK < static_cast<int64_t>(tokens.size()))
    tokens.truncate(options.topK);
  std::vector<double> exponents = exponentials(logits, tokens, logits[tokens[0]].f, 1);
  if (options.topP < 1) {
    double sum = std::accumulate(exponents.begin(), exponents.end(), 0.0), reached = 0;
    size_t kept = 0;
    while (kept < tokens.size() && (kept == 0 || reached < options.topP * sum))
      reached += exponents[kept++];
    tokens.truncate(kept);
  }
  // exponents[0] is 1, so the ratio to the largest probability is the exponential itself.
  size_t kept = 1;
  while (kept < tokens.size() && exponents[kept] >= options.minP)
    ++kept;
  tokens.truncate(kept);
  return tokens;
}

static int64_t sample(const Cell *logits, int64_t count, const SamplingOptions &options,
                      double uniform) {
  SmallVector<int64_t> tokens = keepCandidates(logits, count, options);
  if (!(options.temperature > 0))
    return tokens[0];
  // The draw walks the tokens in order of their ids.
  double largest = logits[tokens[0]].f;
  llvm::sort(tokens);
  std::vector<double> exponents = exponentials(logits, tokens, largest, options.temperature);
  double target = uniform * std::accumulate(exponents.begin(), exponents.end(), 0.0), reached = 0;
  for (auto [token, exponent] : llvm::zip_equal(tokens, exponents))
    if ((reached += exponent) > target)
      return token;
  return tokens.back();
}

llvm::Error reference::runSample(Operation *op, Frame &frame) {
  auto sampleOp = cast<attn::SampleOp>(op);
  const Array &logits = frame.array(sampleOp.getLogits());
  const Array &init = frame.array(sampleOp.getInits()[0]);
  int64_t rows = logits.sizes[0], count = logits.sizes[1];
  if (llvm::Error error = expectSizes(op, "an init", init.sizes, {rows}))
    return error;
  if (count == 0)
    return errorAt(op, "expected at least one logit a row, got none");
  SamplingOptions options = {frame.scalar(sampleOp.getTemperature()).f,
                             frame.scalar(sampleOp.getTopP()).f, frame.scalar(sampleOp.getMinP()).f,
                             frame.integer(sampleOp.getTopK())};
  uint64_t seed = frame.integer(sampleOp.getSeed());
  llvm::Expected<Array> result = Array::create(init.elementType, init.sizes);
  if (!result)
    return errorAt(op, result.takeError());
  for (int64_t row = 0; row < rows; ++row)
    (*result)[row].i = sample(&logits[row * count], count, options, philox::uniform(seed, row));
  frame.set(op->getResult(0), std::move(*result));
  return llvm::Error::success();
}
