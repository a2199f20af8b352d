// Attention: prefill, sliding windows and decoding.
#include "bench/Problem.h"
#include "dialect/CacheRows.h"
#include "runtime/tensor/DataType.h"

using namespace fovea;
using namespace fovea::bench;

static constexpr int64_t window = 129;

namespace {
struct Case {
  const char *entry; // of graphs/attention.fov
  int64_t heads, keyHeads, dim, queries, keys;
  DataType type = DataType::F32;
};
} // namespace

static constexpr DataType f16 = DataType::F16, bf16 = DataType::BF16;

static const Case cases[] = {
    // Full attention: lengths, head dims, lengths that no tile divides.
    {"full", 8, 8, 64, 512, 512},
    {"full", 8, 8, 64, 1024, 1024},
    {"full", 8, 8, 64, 2048, 2048},
    {"full", 8, 8, 64, 4096, 4096},
    {"full", 8, 8, 64, 1023, 1023},
    {"full", 8, 8, 64, 2045, 2045},
    {"full", 8, 8, 32, 2048, 2048},
    {"full", 8, 8, 80, 2048, 2048},
    {"full", 8, 8, 96, 2048, 2048},
    {"full", 8, 8, 128, 512, 512},
    {"full", 8, 8, 128, 1024, 1024},
    {"full", 8, 8, 128, 2048, 2048},
    {"full", 8, 8, 128, 4096, 4096},
    {"full", 8, 8, 256, 2048, 2048},
    // Causal, and with grouped heads.
    {"causal", 8, 8, 64, 512, 512},
    {"causal", 8, 8, 64, 1024, 1024},
    {"causal", 8, 8, 64, 2048, 2048},
    {"causal", 8, 8, 64, 4096, 4096},
    {"causal", 32, 8, 128, 2048, 2048},
    // A window of 129 written three ways.
    {"window_mask", 8, 8, 64, 1024, 1024},
    {"window_mask", 8, 8, 64, 4096, 4096},
    {"window_mask", 8, 8, 64, 16384, 16384},
    {"window_unfold_masked", 8, 8, 64, 1024, 1024},
    {"window_unfold_masked", 8, 8, 64, 4096, 4096},
    {"window_unfold_masked", 8, 8, 64, 16384, 16384},
    {"window_unfold_zero", 8, 8, 64, 1024, 1024},
    {"window_unfold_zero", 8, 8, 64, 4096, 4096},
    {"window_unfold_zero", 8, 8, 64, 16384, 16384},
    // What else attention can give.
    {"with_lse", 8, 8, 64, 2048, 2048},
    {"with_weights", 8, 8, 64, 2048, 2048},
    // Storage of half the size.
    {"full", 8, 8, 64, 2048, 2048, f16},
    {"full", 8, 8, 64, 2048, 2048, bf16},
    {"full", 8, 8, 128, 2048, 2048, f16},
    {"full", 8, 8, 128, 2048, 2048, bf16},
    // One token against a cache.
    {"decode", 32, 8, 128, 1, 1024},
    {"decode", 32, 8, 128, 1, 4096},
    {"decode", 32, 8, 128, 1, 16384},
    {"decode", 32, 8, 128, 1, 16384, f16},
    {"decode", 32, 8, 128, 1, 16384, bf16},
    {"decode_q8", 32, 8, 128, 1, 4096},
    {"decode_q8", 32, 8, 128, 1, 16384},
};

static bool readsQ8(const Case &c) { return llvm::StringRef(c.entry) == "decode_q8"; }
static bool isWindow(const Case &c) { return llvm::StringRef(c.entry).starts_with("window"); }

static Work workOf(const Case &c) {
  llvm::StringRef entry = c.entry;
  double pairs = static_cast<double>(c.queries) * c.keys;
  double visible = pairs;
  if (isWindow(c))
    visible = static_cast<double>(c.queries) * window;
  else if (entry == "causal")
    visible = pairs / 2;
  double elements = 2.0 * c.dim * (c.heads * c.queries + c.keyHeads * c.keys);
  if (readsQ8(c))
    return {4 * c.heads * visible * c.dim,
            2.0 * c.keyHeads * c.keys * attn::quantizedRowBytes(c.dim) +
                2.0 * sizeof(float) * c.heads * c.dim};
  if (entry == "with_weights")
    elements += c.heads * pairs;
  return {4 * c.heads * visible * c.dim, elements * sizeOf(c.type)};
}

/// The keys and values are what decoding reads; the rest is nothing beside them.
static Bound boundOf(const Case &c, const Work &work) {
  if (!llvm::StringRef(c.entry).starts_with("decode"))
    return Bound::Fma;
  return readBound(work.bytes);
}

/// `size` queries from `begin` on. Keys that the mask hides from all of them are left out, which
/// moves no query: the last one sits at the last key, and windows are taken from what lies around.
static Sample sampleQueries(const Case &c, int64_t begin, int64_t size) {
  constexpr unsigned sequence = 2;
  Range queries{sequence, begin, size};
  if (isWindow(c)) {
    int64_t first = std::max<int64_t>(begin - window / 2, 0);
    int64_t last = std::min(begin + size + window / 2, c.keys);
    Range around{sequence, first, last - first};
    return {{{"q", around}, {"k", around}, {"v", around}}, queries, begin - first};
  }
  if (llvm::StringRef(c.entry) == "causal") {
    Range seen{sequence, 0, begin + size};
    return {{{"q", queries}, {"k", seen}, {"v", seen}}, queries};
  }
  return {{{"q", queries}}, queries};
}

static std::vector<Sample> samplesOf(const Case &c) {
  if (c.queries == 1)
    return {};
  // With zero padding, what lies around a query must not be cut off from the padding.
  int64_t middle = c.queries / 2 + 1;
  return {sampleQueries(c, 0, 3), sampleQueries(c, middle, 3), sampleQueries(c, c.queries - 3, 3)};
}

static std::vector<std::vector<int64_t>> resultsOf(const Case &c) {
  std::vector<std::vector<int64_t>> results = {{1, c.heads, c.queries, c.dim}};
  if (llvm::StringRef(c.entry) == "with_weights")
    results.push_back({1, c.heads, c.queries, c.keys});
  if (llvm::StringRef(c.entry) == "with_lse")
    results.push_back({1, c.heads, c.queries});
  return results;
}

static std::string nameOf(const Case &c) {
  std::string heads = std::to_string(c.heads);
  if (c.keyHeads != c.heads)
    heads += "x" + std::to_string(c.keyHeads);
  std::string name = "attention/" + std::string(c.entry) + "/heads:" + heads +
                     "/dim:" + std::to_string(c.dim) + "/length:" + std::to_string(c.keys);
  return c.type == DataType::F32 ? name : name + "/" + stringify(c.type).str();
}

static Problem problemOf(const Case &c) {
  Problem problem;
  problem.name = nameOf(c);
  problem.graph = "attention.fov";
  problem.entry = c.entry;
  problem.fixed = {{"H", c.heads}, {"G", c.keyHeads}, {"D", c.dim}, {"T", stringify(c.type).str()}};
  problem.sizes = {{"B", 1}, {"L", c.queries}, {"S", c.keys}};
  problem.results = resultsOf(c);
  problem.work = workOf(c);
  problem.bound = boundOf(c, problem.work);
  problem.samples = samplesOf(c);
  if (readsQ8(c))
    problem.made = {{"k", "rows_q8"}, {"v", "rows_q8"}};
  return problem;
}

std::vector<Problem> bench::attentionProblems() {
  std::vector<Problem> problems;
  for (const Case &c : cases)
    problems.push_back(problemOf(c));
  return problems;
}
