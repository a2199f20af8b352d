#include "bench/CompileTime.h"
#include "bench/Measure.h"
#include "bench/Quiet.h"
#include "runtime/Compile.h"
#include "runtime/Median.h"
#include "runtime/Stopwatch.h"
#include "tools/fovea/RandomTensors.h"

using namespace fovea;
using namespace fovea::bench;

namespace {
/// One compilation. If another process had the CPU of its only thread, its part of the time is taken
/// from all phases alike.
struct Compilation {
  std::vector<PhaseTime> phases;
  bool disturbed;
};
} // namespace

static llvm::Expected<Graph> read(const CompileProblem &problem) {
  const std::string root = FOVEA_SOURCE_DIR "/";
  std::string directory = problem.modelDirectory.empty() ? "" : root + problem.modelDirectory;
  return Graph::fromFile(root + problem.path, {}, directory, problem.entry);
}

/// Reads and compiles a graph from nothing.
static llvm::Expected<Compilation> compileOnce(const CompileProblem &problem,
                                               const CompileOptions &options) {
  Disturbances disturbances;
  double cpuStart = processCpuSeconds();
  Clock::time_point start = Clock::now();
  llvm::Expected<Graph> graph = read(problem);
  if (!graph)
    return graph.takeError();
  double importing = secondsSince(start);
  llvm::Expected<Executable> executable = compile(*graph, options);
  if (!executable)
    return executable.takeError();
  double all = secondsSince(start);
  double cpuSeconds = processCpuSeconds() - cpuStart;
  Compilation compilation = {{{"ms", all}, {"import", importing}}, disturbances.any()};
  llvm::append_range(compilation.phases, executable->compileTimes());
  if (compilation.disturbed && options.threads == 1)
    for (PhaseTime &phase : compilation.phases)
      phase.seconds *= cpuSeconds / all;
  return compilation;
}

/// The medians over undisturbed compilations, if there are any.
static void report(benchmark::State &state, llvm::ArrayRef<Compilation> compilations) {
  auto disturbed = llvm::count_if(
      compilations, [](const Compilation &compilation) { return compilation.disturbed; });
  bool takeAll = disturbed == static_cast<int64_t>(compilations.size());
  std::map<std::string, std::vector<double>> milliseconds;
  for (const Compilation &compilation : compilations)
    if (takeAll || !compilation.disturbed)
      for (const PhaseTime &phase : compilation.phases)
        milliseconds[phase.name].push_back(phase.seconds * 1e3);
  for (const auto &[name, values] : milliseconds)
    state.counters[name] = median(values);
  state.counters["disturbed"] = static_cast<double>(disturbed) / compilations.size();
}

llvm::Error bench::measureCompilation(benchmark::State &state, const CompileProblem &problem,
                                      unsigned threads) {
  llvm::Expected<Graph> first = read(problem);
  if (!first)
    return first.takeError();
  // Reading weights is no part of compiling.
  auto weights = tool::makeRandomWeights(first->module(), /*seed=*/0);
  if (!weights)
    return weights.takeError();
  CompileOptions options;
  options.weights = *weights;
  options.threads = threads;
  std::vector<Compilation> compilations;
  for (auto _ : state) {
    llvm::Expected<Compilation> compilation = compileOnce(problem, options);
    if (!compilation)
      return compilation.takeError();
    state.SetIterationTime(compilation->phases.front().seconds);
    compilations.push_back(std::move(*compilation));
  }
  report(state, compilations);
  return llvm::Error::success();
}
