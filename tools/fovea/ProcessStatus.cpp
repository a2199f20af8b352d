#include "ProcessStatus.h"
#include <fstream>

using namespace fovea;

std::optional<int64_t> tool::processStatus(const std::string &name) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (int64_t value; word == name + ":" && status >> value)
      return value;
  return std::nullopt;
}
