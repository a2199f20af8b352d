#include "bench/Quiet.h"
#include <ctime>
#include <fstream>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <thread>

using namespace fovea::bench;
using Clock = std::chrono::steady_clock;

static constexpr std::chrono::milliseconds watchingTime(200);
static constexpr double quietShare = 0.1;

namespace {
/// Of all CPUs since the system started, in ticks.
struct CpuTime {
  double all = 0, idle = 0;
};
} // namespace

/// The first line of /proc/stat: "cpu user nice system idle iowait irq softirq steal ...".
static std::optional<CpuTime> readCpuTime() {
  std::ifstream file("/proc/stat");
  std::string label;
  file >> label;
  CpuTime time;
  for (int column = 0; column < 8; ++column) {
    double ticks = 0;
    file >> ticks;
    time.all += ticks;
    if (column == 3 || column == 4)
      time.idle += ticks;
  }
  if (!file || label != "cpu")
    return std::nullopt;
  return time;
}

/// False if processes used the CPUs while this one slept.
static bool isQuiet() {
  std::optional<CpuTime> before = readCpuTime();
  std::this_thread::sleep_for(watchingTime);
  std::optional<CpuTime> after = readCpuTime();
  if (!before || !after)
    return true;
  double all = after->all - before->all, idle = after->idle - before->idle;
  return all - idle <= quietShare * all;
}

void fovea::bench::waitForQuiet(std::chrono::duration<double> &patience) {
  Clock::time_point start = Clock::now();
  while (Clock::now() - start < patience && !isQuiet())
    ;
  patience -= Clock::now() - start;
}

int64_t Disturbances::preemptions() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nivcsw;
}

double fovea::bench::processCpuSeconds() {
  timespec time = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}
