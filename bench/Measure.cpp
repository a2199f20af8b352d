#include "bench/Measure.h"
#include "bench/Quiet.h"
#include "runtime/Median.h"
#include "runtime/Stopwatch.h"
#include "llvm/ADT/STLExtras.h"

using namespace fovea;
using namespace fovea::bench;

/// What lies between two measurements of a ceiling, unless one run alone takes longer.
static constexpr double stretchSeconds = 0.010;

namespace {
/// How fast something went, per second.
struct Rate {
  double byWall; // by the clock
  double byCpu;  // by the processor time of a thread: as if no other process had run
};

/// Some runs in a row, and the ceiling around them.
struct Stretch {
  Rate rate;
  double ceiling;
  bool disturbed; // another process had a CPU in between
};

/// The stretches of one benchmark.
class Stretches {
public:
  Stretches(Ceilings &ceilings, const Problem &problem)
      : ceilings(ceilings), bound(problem.bound),
        work(bound == Bound::Fma ? problem.work.flops : problem.work.bytes) {
    begin();
  }

  /// Runs once and returns the seconds.
  llvm::Expected<double> time(const Run &run);
  bool isFull() const { return seconds >= stretchSeconds; }
  void close();
  void report(benchmark::State &state) const;

private:
  void begin();

  Ceilings &ceilings;
  Bound bound;
  double work, seconds = 0, cpuSeconds = 0;
  int64_t runs = 0;
  double before;
  Disturbances disturbances;
  std::vector<Stretch> all;
};
} // namespace

void Stretches::begin() {
  seconds = cpuSeconds = 0;
  runs = 0;
  disturbances = Disturbances();
  before = ceilings.measure(bound);
}

llvm::Expected<double> Stretches::time(const Run &run) {
  double cpuStart = processCpuSeconds();
  Clock::time_point start = Clock::now();
  if (llvm::Error error = run())
    return std::move(error);
  double elapsed = secondsSince(start);
  cpuSeconds += processCpuSeconds() - cpuStart;
  seconds += elapsed;
  ++runs;
  return elapsed;
}

void Stretches::close() {
  if (runs == 0)
    return;
  double after = ceilings.measure(bound);
  double done = work * static_cast<double>(runs);
  Rate rate = {done / seconds, done * ceilings.threads() / cpuSeconds};
  all.push_back({rate, (before + after) / 2, disturbances.any()});
  begin();
}

static const char *unitOf(Bound bound) { return bound == Bound::Fma ? "GFLOP/s" : "GB/s"; }

void Stretches::report(benchmark::State &state) const {
  auto disturbed = llvm::count_if(all, [](const Stretch &stretch) { return stretch.disturbed; });
  bool byCpu = disturbed == static_cast<int64_t>(all.size());
  auto choose = [=](const Rate &rate) { return byCpu ? rate.byCpu : rate.byWall; };
  std::vector<double> rates, limits, ratios;
  for (const Stretch &stretch : all) {
    if (stretch.disturbed && !byCpu)
      continue;
    rates.push_back(choose(stretch.rate));
    limits.push_back(stretch.ceiling);
    ratios.push_back(rates.back() / limits.back());
  }
  state.counters[unitOf(bound)] = median(rates) / 1e9;
  state.counters["ms"] = 1e3 * work / median(rates);
  state.counters["ceiling"] = median(limits) / 1e9;
  state.counters["ratio"] = median(ratios);
  state.counters["disturbed"] = static_cast<double>(disturbed) / static_cast<double>(all.size());
}

llvm::Error bench::measure(benchmark::State &state, Ceilings &ceilings, const Problem &problem,
                           const Run &run) {
  Stretches stretches(ceilings, problem);
  // Measuring the ceiling has filled the caches with what it read.
  if (llvm::Error error = run())
    return error;
  for (auto _ : state) {
    llvm::Expected<double> seconds = stretches.time(run);
    if (!seconds)
      return seconds.takeError();
    state.SetIterationTime(*seconds);
    if (!stretches.isFull())
      continue;
    stretches.close();
    if (*seconds < stretchSeconds)
      if (llvm::Error error = run())
        return error;
  }
  stretches.close();
  stretches.report(state);
  if (problem.work.flops)
    state.counters["flop/byte"] = problem.work.flops / problem.work.bytes;
  return llvm::Error::success();
}

void bench::measureCeiling(benchmark::State &state, Ceilings &ceilings, Bound bound) {
  std::vector<double> all, undisturbed;
  for (auto _ : state) {
    Disturbances disturbances;
    Clock::time_point start = Clock::now();
    all.push_back(ceilings.measure(bound));
    state.SetIterationTime(secondsSince(start));
    if (!disturbances.any())
      undisturbed.push_back(all.back());
  }
  state.counters[unitOf(bound)] = median(undisturbed.empty() ? all : undisturbed) / 1e9;
  state.counters["disturbed"] =
      1 - static_cast<double>(undisturbed.size()) / static_cast<double>(all.size());
}
