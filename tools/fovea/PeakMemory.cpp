#include "PeakMemory.h"
#include "ProcessStatus.h"
#include <fstream>
#include <sys/resource.h>

using namespace fovea;

int64_t tool::peakMemory() {
  if (std::optional<int64_t> kilobytes = processStatus("VmHWM"))
    return *kilobytes * 1024;
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t(usage.ru_maxrss) * 1024;
}

void tool::forgetPeakMemory() {
  // proc(5): 5 resets VmHWM to what is resident now.
  std::ofstream("/proc/self/clear_refs") << 5;
}
