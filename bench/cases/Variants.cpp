// Attention's variants, all at one size, so that what a mask or score function costs is seen.
#include "bench/Problem.h"

using namespace fovea;
using namespace fovea::bench;

static constexpr int64_t length = 2048, heads = 2, dim = 64;
// As in graphs/variants.fov.
static constexpr int64_t window = 128, block = 256, imageWidth = 32, reach = 3;

namespace {
struct Case {
  const char *entry; // of graphs/variants.fov
  double pairs;      // of queries and keys that see each other, a head; by their work at one dim
};
} // namespace

static constexpr double all = static_cast<double>(length) * length;
static constexpr double half = length * (length + 1) / 2.0;

/// Queries see themselves and `left` keys before, as far as there are any.
static constexpr double banded(double left) { return length * (left + 1) - left * (left + 1) / 2; }

/// Pairs of `count` places on a line that are at most `reach` apart.
static constexpr double neighbours(double count) {
  return count * (2 * reach + 1) - reach * (reach + 1);
}

static constexpr Case cases[] = {
    {"causal", half},
    {"window", 2 * banded(window) - length},
    {"left_right", banded(2 * window - 1)},
    {"prefix", half + 4 * window *(4 * window - 1) / 2.0},
    {"documents", length / block *(block *(block + 1) / 2.0)},
    {"offsets", length / block *(block *(block + 1) / 2.0)},
    {"padding", all},
    {"dilated", all / 3},
    {"blocks", (2.0 * length / block - 1) * block *block},
    {"block_sparse", all / 4},
    {"any_of", (length - window) * (2.0 * window - 1)},
    {"neighbourhood", neighbours(imageWidth) * neighbours(length / imageWidth)},
    {"boolean_mask", all / 2},
    {"additive_mask", all},
    {"head_bias", all},
    {"softcap", all},
    {"alibi", half},
    {"bias_table", all},
    {"t5", all},
    {"shaw_keys", all},
    {"shaw", all},
    {"deberta", all},
    {"sink", half},
    {"head_scales", all},
    {"cross", all / 4},
    {"value_dim", all * 1.5},
    {"normalized", all},
    {"finite_fill", half},
    {"multi_query", all},
    {"dropped", all},
    {"weights", all},
    {"column_sums", all},
    {"differential", half * 3}, // values of twice the dim
    {"composition", banded(4 * window - 1)},
};

static Problem problemOf(const Case &c) {
  llvm::StringRef entry = c.entry;
  Problem problem;
  problem.name = "variants/" + entry.str() + "/length:" + std::to_string(length);
  problem.graph = "variants.fov";
  problem.entry = entry;
  problem.fixed = {{"H", heads}, {"D", dim}, {"W", window}, {"BS", block}};
  problem.sizes = {{"B", 1}, {"L", length}};
  int64_t queries = length, valueDim = dim;
  if (entry == "cross")
    problem.sizes["M"] = queries = length / 4;
  if (entry == "value_dim" || entry == "differential")
    valueDim = 2 * dim;
  problem.results = {{1, heads, queries, valueDim}};
  if (entry == "weights")
    problem.results.insert(problem.results.end(), {{1, heads, length, length}, {1, heads, length}});
  if (entry == "column_sums")
    problem.results.push_back({1, heads, length});
  problem.work.flops = 4.0 * heads * c.pairs * dim;
  problem.work.bytes = 1.0 * sizeof(float) * heads * (queries + length) * (dim + valueDim);
  problem.bound = Bound::Fma;
  return problem;
}

std::vector<Problem> bench::variantProblems() {
  std::vector<Problem> problems;
  for (const Case &c : cases)
    problems.push_back(problemOf(c));
  return problems;
}
