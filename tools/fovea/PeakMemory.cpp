#include "PeakMemory.h"
#include <fstream>
#include <string>
#include <sys/resource.h>

using namespace fovea;

/// In KiB; 0 where the system does not say.
static int64_t highWaterMark() {
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name;)
    if (int64_t size; name == "VmHWM:" && status >> size)
      return size;
  return 0;
}

int64_t tool::peakMemory() {
  if (int64_t size = highWaterMark())
    return size * 1024;
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t(usage.ru_maxrss) * 1024;
}

void tool::forgetPeakMemory() {
  // proc(5): 5 resets VmHWM to what is resident now.
  std::ofstream("/proc/self/clear_refs") << 5;
}
