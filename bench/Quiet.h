// Other processes on the machine: waiting until they pause, and telling when they have disturbed.
#ifndef FOVEA_BENCH_QUIET_H
#define FOVEA_BENCH_QUIET_H

#include <chrono>
#include <cstdint>

namespace fovea::bench {

/// Returns once no process has used the CPUs for a moment, or when `patience` has passed, and
/// takes the time that it waited off `patience`. Does not wait where the system does not say.
void waitForQuiet(std::chrono::duration<double> &patience);

/// Tells whether another process had a CPU that a thread of this one wanted.
class Disturbances {
public:
  Disturbances() : before(preemptions()) {}
  bool any() const { return preemptions() != before; }

private:
  static int64_t preemptions();
  int64_t before;
};

/// Processor time of all threads of this process, in seconds.
double processCpuSeconds();

} // namespace fovea::bench

#endif // FOVEA_BENCH_QUIET_H
