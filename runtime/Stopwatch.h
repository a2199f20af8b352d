// How long the steps of a long operation take.
#ifndef FOVEA_RUNTIME_STOPWATCH_H
#define FOVEA_RUNTIME_STOPWATCH_H

#include <chrono>
#include <string>
#include <vector>

namespace fovea {

struct PhaseTime {
  std::string name;
  double seconds;
};

/// Adds the time until it is destroyed to a list.
class Stopwatch {
public:
  Stopwatch(std::vector<PhaseTime> &times, std::string name)
      : times(times), name(std::move(name)), start(std::chrono::steady_clock::now()) {}
  ~Stopwatch() {
    std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    times.push_back({std::move(name), elapsed.count()});
  }
  Stopwatch(const Stopwatch &) = delete;
  Stopwatch &operator=(const Stopwatch &) = delete;

  /// What the time was for, if that is known only now.
  void rename(std::string newName) { name = std::move(newName); }

private:
  std::vector<PhaseTime> &times;
  std::string name;
  std::chrono::steady_clock::time_point start;
};

} // namespace fovea

#endif // FOVEA_RUNTIME_STOPWATCH_H
