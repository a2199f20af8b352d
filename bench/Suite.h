// All benchmarks, registered under names that filters can pick: "fovea/attention/.../threads:2".
#ifndef FOVEA_BENCH_SUITE_H
#define FOVEA_BENCH_SUITE_H

#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace fovea::bench {

struct SuiteOptions {
  std::vector<unsigned> threads = {1, 2}; // everything is measured on each of these numbers
  std::string cpu = "native";             // LLVM's name of the one that Fovea compiles for
  double patience = 0;                    // seconds in all to wait for other processes to pause
};
/// An error if LLVM does not know the CPU.
llvm::Error registerSuite(const SuiteOptions &options);

/// How many benchmarks failed to run or computed something wrong.
unsigned failureCount();

} // namespace fovea::bench

#endif // FOVEA_BENCH_SUITE_H
