// Who solves a problem: Fovea and the libraries that it is compared with.
#ifndef FOVEA_BENCH_SOLVER_H
#define FOVEA_BENCH_SOLVER_H

#include "bench/Instance.h"
#include <functional>

namespace fovea::bench {

/// One run: from the instance's inputs to its outputs.
using Run = std::function<llvm::Error()>;

struct Solver {
  std::string name;
  bool (*solves)(const Problem &problem);
  /// All that is done once. The instance outlives the run.
  std::function<llvm::Expected<Run>(Instance &instance, unsigned threads)> prepare;
};

/// Compiles for `cpu`, "native" or LLVM's name of one.
Solver foveaSolver(const std::string &cpu);

/// The peers that this build has, and what it lacks in words.
std::vector<Solver> peerSolvers();
std::vector<std::string> missingPeers();

} // namespace fovea::bench

#endif // FOVEA_BENCH_SOLVER_H
