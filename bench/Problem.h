// What the suite measures, as data: graphs of bench/graphs on inputs of one size, with the work
// that they do and what bounds it. The tables of them are in bench/cases.
#ifndef FOVEA_BENCH_PROBLEM_H
#define FOVEA_BENCH_PROBLEM_H

#include "frontend/Graph.h"
#include "runtime/ceilings/Ceilings.h"
#include <map>
#include <string>
#include <vector>

namespace fovea::bench {

/// What one run has to do at least. Operations that a mask makes needless do not count, bytes of
/// inputs and outputs count once.
struct Work {
  double flops = 0;
  double bytes = 0;
};

/// Elements `begin` to `begin + size` of a dim.
struct Range {
  unsigned dim;
  int64_t begin, size;
};

/// A part of the results and how the reference executor gets it from parts of the inputs: on those
/// ranges of the inputs (the others are taken whole), the graph's results hold the measured
/// results' `result` from `referenceBegin` on.
struct Sample {
  std::map<std::string, Range> inputs;
  Range result;
  int64_t referenceBegin = 0;
};

struct Problem {
  std::string name;  // "attention/causal/heads:8/dim:64/length:512"
  std::string graph; // a file of bench/graphs
  std::string entry;
  Params fixed;                              // known when it is compiled
  std::map<std::string, int64_t> sizes;      // of the inputs' dims, known when it runs
  std::vector<std::vector<int64_t>> results; // sizes of each
  /// Inputs that another entry of the graph makes, of one random tensor each: its name.
  std::map<std::string, std::string> made = {};
  std::string quantize = ""; // of the weights
  Work work;
  Bound bound;
  bool parallel = true;        // false: measured on one thread only
  std::vector<Sample> samples; // checked once; all results if empty
};

std::vector<Problem> attentionProblems();
std::vector<Problem> variantProblems();
std::vector<Problem> contractionProblems();
std::vector<Problem> rowProblems();
std::vector<Problem> samplingProblems();

/// A graph whose compilation is measured. Paths begin at the root of the repository.
struct CompileProblem {
  std::string name;
  std::string path;
  std::string entry;
  std::string modelDirectory; // with the description's configuration, if it has one
};
std::vector<CompileProblem> compileProblems();

} // namespace fovea::bench

#endif // FOVEA_BENCH_PROBLEM_H
