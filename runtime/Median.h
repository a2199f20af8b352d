#ifndef FOVEA_RUNTIME_MEDIAN_H
#define FOVEA_RUNTIME_MEDIAN_H

#include <algorithm>
#include <vector>

namespace fovea {

/// The middle of some numbers; the mean of the two in the middle if their number is even, and of
/// none 0.
inline double median(std::vector<double> numbers) {
  if (numbers.empty())
    return 0;
  std::sort(numbers.begin(), numbers.end());
  size_t middle = numbers.size() / 2;
  return numbers.size() % 2 ? numbers[middle] : (numbers[middle - 1] + numbers[middle]) / 2;
}

} // namespace fovea

#endif // FOVEA_RUNTIME_MEDIAN_H
