// Operations on rows, which read a matrix once and write it once, and sampling, which reads one
// row of logits that the caches hold.
#include "bench/Problem.h"

using namespace fovea;
using namespace fovea::bench;

static constexpr int64_t rows = 4096, columns = 4096, vocabulary = 151936;

/// An operation, and the dims of input and result a slice of which is the operation on a slice.
static constexpr struct {
  const char *entry;
  unsigned inputDim, resultDim;
} rowOperations[] = {{"softmax", 0, 0},
                     {"layer_norm", 0, 0},
                     {"rms_norm", 0, 0},
                     {"gelu", 0, 0},
                     {"softmax_columns", 1, 1},
                     {"transpose", 0, 1},
                     {"gelu_transposed", 0, 1},
                     {"running_sum", 0, 0},
                     {"running_sum_columns", 1, 1}};
static const char *const samplingRules[] = {"greedy", "top_k", "top_p", "min_p"};

static Problem rowProblem(const std::string &entry, unsigned inputDim, unsigned resultDim) {
  Problem problem;
  problem.name =
      "rows/" + entry + "/rows:" + std::to_string(rows) + "/columns:" + std::to_string(columns);
  problem.graph = "rows.fov";
  problem.entry = entry + "_of";
  problem.fixed = {{"E", columns}};
  problem.sizes = {{"M", rows}};
  if (inputDim == 1) // columns of any number, so that the reference may run on some of them
    problem.sizes["N"] = columns;
  problem.results = {{rows, columns}};
  problem.work.bytes = 2.0 * rows * columns * sizeof(float);
  problem.bound = Bound::Copy;
  for (int64_t begin : {int64_t(0), rows / 2 + 1, rows - 3})
    problem.samples.push_back({{{"x", Range{inputDim, begin, 3}}}, Range{resultDim, begin, 3}});
  return problem;
}

static Problem samplingProblem(const std::string &entry) {
  Problem problem;
  problem.name = "sampling/" + entry + "/vocabulary:" + std::to_string(vocabulary);
  problem.graph = "sampling.fov";
  problem.entry = entry;
  problem.fixed = {{"V", vocabulary}};
  problem.sizes = {{"B", 1}};
  problem.results = {{1}};
  problem.work.bytes = static_cast<double>(vocabulary) * sizeof(float);
  problem.bound = Bound::ReadCache;
  problem.parallel = false; // it draws one token
  return problem;
}

std::vector<Problem> bench::rowProblems() {
  std::vector<Problem> problems;
  for (auto [entry, inputDim, resultDim] : rowOperations)
    problems.push_back(rowProblem(entry, inputDim, resultDim));
  return problems;
}

std::vector<Problem> bench::samplingProblems() {
  std::vector<Problem> problems;
  for (const char *entry : samplingRules)
    problems.push_back(samplingProblem(entry));
  return problems;
}
