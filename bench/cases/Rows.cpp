// Operations on rows, which read a matrix once and write it once, and sampling, which reads one
// row of logits that the caches hold.
#include "bench/Problem.h"
#include <cstring>

using namespace fovea;
using namespace fovea::bench;

static constexpr int64_t rows = 4096, columns = 4096, vocabulary = 151936;

static const char *const rowOperations[] = {"softmax_rows", "layer_norm_rows", "rms_norm_rows",
                                            "gelu_rows"};
static const char *const samplingRules[] = {"greedy", "top_k", "top_p", "min_p"};

static Problem rowProblem(const std::string &entry) {
  Problem problem;
  problem.name = "rows/" + llvm::StringRef(entry).drop_back(strlen("_rows")).str() +
                 "/rows:" + std::to_string(rows) + "/columns:" + std::to_string(columns);
  problem.graph = "rows.fov";
  problem.entry = entry;
  problem.fixed = {{"E", columns}};
  problem.sizes = {{"M", rows}};
  problem.results = {{rows, columns}};
  problem.work.bytes = 2.0 * rows * columns * sizeof(float);
  problem.bound = Bound::Copy;
  for (int64_t begin : {int64_t(0), rows / 2 + 1, rows - 3}) {
    Range range{0, begin, 3};
    problem.samples.push_back({{{"x", range}}, range});
  }
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
  for (const char *entry : rowOperations)
    problems.push_back(rowProblem(entry));
  return problems;
}

std::vector<Problem> bench::samplingProblems() {
  std::vector<Problem> problems;
  for (const char *entry : samplingRules)
    problems.push_back(samplingProblem(entry));
  return problems;
}
