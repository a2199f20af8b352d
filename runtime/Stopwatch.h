// How long things take, and the steps of a long operation.
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

using Clock = std::chrono::steady_clock;

inline double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Adds the time until it is destroyed to a list.
class Stopwatch {
public:
  Stopwatch(std::vector<PhaseTime> &times, std::string name)
      : times(times), name(std::move(name)), start(Clock::now()) {}
  ~Stopwatch() { times.push_back({std::move(name), secondsSince(start)}); }
  Stopwatch(const Stopwatch &) = delete;
  Stopwatch &operator=(const Stopwatch &) = delete;

  /// What the time was for, if that is known only now.
  void rename(std::string newName) { name = std::move(newName); }

private:
  std::vector<PhaseTime> &times;
  std::string name;
  Clock::time_point start;
};

} // namespace fovea

#endif // FOVEA_RUNTIME_STOPWATCH_H
