#include "bench/Quiet.h"
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

using namespace fovea;
using namespace fovea::bench;

static constexpr std::chrono::milliseconds watchingTime(200);
static constexpr double quietShare = 0.1, disturbedShare = 0.01;

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

/// /proc/self/task/THREAD/schedstat: "nanoseconds-on-cpu nanoseconds-waiting-for-one timeslices".
double Disturbances::secondsWaited() {
  double nanoseconds = 0;
  std::error_code none;
  for (const auto &thread : std::filesystem::directory_iterator("/proc/self/task", none)) {
    std::ifstream file(thread.path() / "schedstat");
    double onCpu = 0, waiting = 0;
    if (file >> onCpu >> waiting)
      nanoseconds += waiting;
  }
  return nanoseconds * 1e-9;
}

bool Disturbances::any() const {
  double elapsed = secondsSince(start);
  return secondsWaited() - waitedBefore > disturbedShare * elapsed;
}

double fovea::bench::processCpuSeconds() {
  timespec time = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}
