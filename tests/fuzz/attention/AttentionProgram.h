// A random attention program: a description, the sizes it runs at and the tensors it runs on, all
// of which follow from a few fields that can be shrunk one by one.
#ifndef FOVEA_TESTS_FUZZ_ATTENTION_ATTENTIONPROGRAM_H
#define FOVEA_TESTS_FUZZ_ATTENTION_ATTENTIONPROGRAM_H

#include "tests/fuzz/Case.h"
#include "tests/fuzz/attention/Expression.h"
#include <optional>

namespace fovea::fuzz {

/// How query, key and value lie in memory, and so how the program reads them.
enum class Layout {
  HeadsFirst,     // [B, H, L, D]
  PositionsFirst, // [B, L, H, D], transposed in the program
  Merged,         // [B, L, H * D], split by split_heads
};

struct AttentionProgram {
  int64_t batches = 1, keyHeads = 1, group = 1; // group: query heads a key head
  int64_t queries = 1, keys = 1, headDim = 1, valueDim = 1;
  DataType type = DataType::F32;
  Layout layout = Layout::HeadsFirst;
  bool fixedSizes = false;    // lengths known when it is compiled
  bool stridedInputs = false; // query, key and value are every other element of larger tensors
  std::optional<Expression> mask, score, sink;
  bool padding = false;   // keys from lengths[b] on are masked, and hold NaN and infinities
  bool denseMask = false; // one more boolean mask, a tensor
  bool bias = false;      // a tensor added to the scores, some of it -inf
  bool topLeft = false;
  std::optional<int64_t> offset; // given at run time
  bool dropout = false, weights = false, lse = false;
  double magnitude = 1; // of queries and keys
  uint64_t seed = 0;    // of the tensors

  /// Of scores, and of what lambdas read: what they compute is rounded to it.
  DataType scoreType() const { return type == DataType::F64 ? type : DataType::F32; }
  int64_t heads() const { return keyHeads * group; }
  /// Positions that captured tensors have an element for.
  int64_t positions() const { return std::max(queries, keys); }
  /// Whether all positions of queries are elements of a captured tensor.
  bool queriesAreIndices() const;

  /// The description, with one entry `fuzz`.
  std::string str() const;
  /// Sizes that the description leaves open, as `--set` takes them.
  NamedSizes openSizes() const;
};

/// The programs that are simpler by one step, the largest steps first.
std::vector<AttentionProgram> simplerPrograms(const AttentionProgram &program);

/// The tensors of the program, drawn from its seed.
llvm::Expected<std::vector<Input>> makeInputs(const AttentionProgram &program);

/// What the routes compare. The bound on errors is relative to what those of the weights are
/// multiplied by: the largest finite value for the output, 1 for weights, the largest magnitude or
/// 1 for the log-sum-exp.
llvm::Expected<Case> makeCase(const AttentionProgram &program);

} // namespace fovea::fuzz

#endif // FOVEA_TESTS_FUZZ_ATTENTION_ATTENTIONPROGRAM_H
