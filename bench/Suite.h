// All benchmarks, registered under names that filters can pick: "fovea/attention/.../threads:2".
#ifndef FOVEA_BENCH_SUITE_H
#define FOVEA_BENCH_SUITE_H

#include <vector>

namespace fovea::bench {

struct SuiteOptions {
  std::vector<unsigned> threads = {1, 2}; // everything is measured on each of these numbers
  double patience = 0;                    // seconds in all to wait for other processes to pause
};
void registerSuite(const SuiteOptions &options);

/// How many benchmarks failed to run or computed something wrong.
unsigned failureCount();

} // namespace fovea::bench

#endif // FOVEA_BENCH_SUITE_H
