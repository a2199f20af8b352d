// Other processes on the machine: waiting until they pause, and telling when they have disturbed.
#ifndef FOVEA_BENCH_QUIET_H
#define FOVEA_BENCH_QUIET_H

#include "runtime/Stopwatch.h"
#include <cstdint>

namespace fovea::bench {

/// Returns once no process has used the CPUs for a moment, or when `patience` has passed, and
/// takes the time that it waited off `patience`. Does not wait where the system does not say.
void waitForQuiet(std::chrono::duration<double> &patience);

/// Tells whether other processes had CPUs that threads of this one wanted, for more than a
/// hundredth of the time since it was made.
class Disturbances {
public:
  Disturbances() : waitedBefore(secondsWaited()), start(Clock::now()) {}
  bool any() const;

private:
  /// How long the threads of this process were ready to run and did not, in all.
  static double secondsWaited();

  double waitedBefore;
  Clock::time_point start;
};

/// Processor time of all threads of this process, in seconds.
double processCpuSeconds();

} // namespace fovea::bench

#endif // FOVEA_BENCH_QUIET_H
