// Matrix products.
#include "bench/Problem.h"

using namespace fovea;
using namespace fovea::bench;

namespace {
struct Case {
  const char *entry; // of graphs/contraction.fov
  int64_t rows, inner, columns;
  double weightBytes = sizeof(float); // of an element of the right factor
  const char *quantize = "";
};

/// Of q8 and q4, with a scale of 16 bits for 32 elements.
constexpr double q8Bytes = 34 / 32.0, q4Bytes = 18 / 32.0;
} // namespace

static const Case cases[] = {
    {"matmul", 1024, 1024, 1024},
    {"matmul", 2048, 2048, 2048},
    // Prefill of 512 tokens: width 768 (GPT-2), 896 (Qwen2.5-0.5B) and 4096 (Llama 7B).
    {"projection", 512, 768, 3072},
    {"projection", 512, 896, 896},
    {"projection", 512, 896, 4864},
    {"projection", 512, 4864, 896},
    {"projection", 512, 4096, 4096},
    // One token, and a few: the weights are read once.
    {"projection", 1, 896, 4864},
    {"projection", 1, 4096, 4096},
    {"projection", 2, 4096, 4096},
    {"projection", 4, 4096, 4096},
    {"projection", 8, 4096, 4096},
    {"projection_f16", 1, 4096, 4096, 2},
    {"projection_f16", 8, 4096, 4096, 2},
    {"projection_bf16", 1, 4096, 4096, 2},
    {"projection_f16", 512, 896, 4864, 2},
    {"projection", 1, 896, 4864, q8Bytes, "q8"},
    {"projection", 1, 4864, 896, q8Bytes, "q8"},
    {"projection", 1, 4096, 4096, q8Bytes, "q8"},
    {"projection", 4, 4096, 4096, q8Bytes, "q8"},
    {"projection", 8, 4096, 4096, q8Bytes, "q8"},
    {"projection", 512, 896, 4864, q8Bytes, "q8"},
    {"projection", 512, 4864, 896, q8Bytes, "q8"},
    {"projection", 1, 896, 4864, q4Bytes, "q4"},
    {"projection", 1, 4864, 896, q4Bytes, "q4"},
    {"projection", 1, 4096, 4096, q4Bytes, "q4"},
    {"projection", 4, 4096, 4096, q4Bytes, "q4"},
    {"projection", 8, 4096, 4096, q4Bytes, "q4"},
    {"projection", 512, 896, 4864, q4Bytes, "q4"},
    // Three taps: the stem of Whisper-base.
    {"convolution", 3000, 3 * 80, 512},
    {"convolution", 3000, 3 * 512, 512},
    // More than caches hold: the head of Qwen2.5-0.5B.
    {"projection_f16", 1, 896, 151936, 2},
    {"projection", 1, 896, 151936, q8Bytes, "q8"},
    {"projection", 8, 896, 151936, q8Bytes, "q8"},
    {"projection", 1, 896, 151936, q4Bytes, "q4"},
};

/// Of a convolution; `inner` counts channels and taps.
static constexpr int64_t taps = 3;

static bool isConvolution(const Case &c) { return c.entry == std::string_view("convolution"); }

static Work workOf(const Case &c) {
  double rows = c.rows, inner = c.inner, columns = c.columns;
  double channels = isConvolution(c) ? inner / taps : inner;
  return {2 * rows * inner * columns,
          sizeof(float) * (rows * channels + rows * columns) + c.weightBytes * inner * columns};
}

/// Up to as many rows, memory is what a product waits for.
static constexpr int64_t fewRows = 8;

static Bound boundOf(const Case &c, const Work &work) {
  if (c.rows > fewRows)
    return Bound::Fma;
  return readBound(work.bytes);
}

static Problem problemOf(const Case &c) {
  Problem problem;
  problem.name = std::string(c.entry) + "/rows:" + std::to_string(c.rows) +
                 "/inner:" + std::to_string(c.inner) + "/columns:" + std::to_string(c.columns) +
                 (*c.quantize ? std::string("/") + c.quantize : "");
  problem.graph = "contraction.fov";
  problem.entry = c.entry;
  problem.fixed = {{"K", c.inner}, {"N", c.columns}};
  problem.sizes = {{"M", c.rows}};
  problem.results = {{c.rows, c.columns}};
  problem.work = workOf(c);
  problem.quantize = c.quantize;
  problem.bound = boundOf(c, problem.work);
  Range last{0, c.rows - 1, 1};
  std::string input = problem.entry == "matmul" ? "a" : "x";
  problem.samples = {{{{input, last}}, last}};
  // Of the last two rows, padded, the last window is the same.
  if (isConvolution(c))
    problem.samples = {{{{input, Range{0, c.rows - 2, 2}}}, last, 1}};
  return problem;
}

std::vector<Problem> bench::contractionProblems() {
  std::vector<Problem> problems;
  for (const Case &c : cases)
    problems.push_back(problemOf(c));
  return problems;
}
