#include "bench/Suite.h"
#include "bench/CompileTime.h"
#include "bench/Loops.h"
#include "bench/Measure.h"
#include "bench/Quiet.h"
#include "runtime/CodeGen.h"
#include "llvm/Target/TargetMachine.h"

using namespace fovea;
using namespace fovea::bench;

static unsigned failures = 0;

static std::chrono::duration<double> patience; // what is left of it
static int64_t vectorBits;                     // of the CPU that is compiled for

static void fail(benchmark::State &state, llvm::Error error) {
  ++failures;
  // The rest of the message would be lost in the table.
  std::string message = llvm::toString(std::move(error));
  state.SkipWithError(message.c_str());
}

unsigned bench::failureCount() { return failures; }

namespace {
/// What the benchmark that runs now has prepared. Google Benchmark calls a benchmark several
/// times, and those of one problem follow each other; what they share is made once.
class Prepared {
public:
  llvm::Expected<const Run *> get(const Problem &problem, const Solver &solver, unsigned threads);
  llvm::Expected<Ceilings *> ceilings(unsigned threads);

private:
  const Solver *preparedSolver = nullptr;
  unsigned preparedThreads = 0;
  std::unique_ptr<Instance> instance;
  Run run; // works on the instance
  std::map<unsigned, std::unique_ptr<Ceilings>> allCeilings;
};
} // namespace

llvm::Expected<const Run *> Prepared::get(const Problem &problem, const Solver &solver,
                                          unsigned threads) {
  bool sameProblem = instance && instance->problem.name == problem.name;
  if (sameProblem && preparedSolver == &solver && preparedThreads == threads)
    return &run;
  run = nullptr;
  preparedSolver = nullptr;
  if (!sameProblem) {
    instance.reset();
    auto created = Instance::create(problem);
    if (!created)
      return created.takeError();
    instance = std::move(*created);
  }
  llvm::Expected<Run> prepared = solver.prepare(*instance, threads);
  if (!prepared)
    return prepared.takeError();
  instance->clearOutputs();
  if (llvm::Error error = (*prepared)())
    return std::move(error);
  if (llvm::Error error = instance->check())
    return std::move(error);
  run = std::move(*prepared);
  preparedSolver = &solver;
  preparedThreads = threads;
  return &run;
}

llvm::Expected<Ceilings *> Prepared::ceilings(unsigned threads) {
  std::unique_ptr<Ceilings> &ceilings = allCeilings[threads];
  if (!ceilings) {
    auto created = Ceilings::create(threads, vectorBits);
    if (!created)
      return created.takeError();
    ceilings = std::move(*created);
  }
  return ceilings.get();
}

static Prepared &prepared() {
  static Prepared prepared;
  return prepared;
}

static llvm::Error runProblem(benchmark::State &state, const Problem &problem, const Solver &solver,
                              unsigned threads) {
  llvm::Expected<Ceilings *> ceilings = prepared().ceilings(threads);
  if (!ceilings)
    return ceilings.takeError();
  if (llvm::Error error = (*ceilings)->prepare(problem.bound))
    return error;
  llvm::Expected<const Run *> run = prepared().get(problem, solver, threads);
  if (!run)
    return run.takeError();
  return measure(state, **ceilings, problem, **run);
}

static llvm::Error runCeiling(benchmark::State &state, Bound bound, unsigned threads) {
  llvm::Expected<Ceilings *> ceilings = prepared().ceilings(threads);
  if (!ceilings)
    return ceilings.takeError();
  if (llvm::Error error = (*ceilings)->prepare(bound))
    return error;
  measureCeiling(state, **ceilings, bound);
  return llvm::Error::success();
}

/// Registers `body`, which sets the time of each iteration itself.
static void add(const std::string &name, std::function<llvm::Error(benchmark::State &)> body) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [body](benchmark::State &state) {
                                 waitForQuiet(patience);
                                 if (llvm::Error error = body(state))
                                   fail(state, std::move(error));
                               })
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

static std::string withThreads(const std::string &name, unsigned threads) {
  return name + "/threads:" + std::to_string(threads);
}

static void registerCeilings(llvm::ArrayRef<unsigned> threads) {
  static constexpr std::pair<const char *, Bound> ceilings[] = {
      {"peak/fma", Bound::Fma},
      {"peak/read-memory", Bound::ReadMemory},
      {"peak/read-cache", Bound::ReadCache},
      {"peak/copy", Bound::Copy}};
  for (auto [name, bound] : ceilings)
    for (unsigned count : threads)
      add(withThreads(name, count),
          [=](benchmark::State &state) { return runCeiling(state, bound, count); });
}

llvm::Error bench::registerSuite(const SuiteOptions &options) {
  auto machine = createTargetMachine("", options.cpu, /*optLevel=*/2);
  if (!machine)
    return machine.takeError();
  vectorBits = targetOf(**machine).vectorBits;
  patience = std::chrono::duration<double>(options.patience);
  // Benchmarks refer to these until the program ends.
  static std::vector<Problem> problems;
  static std::vector<Solver> solvers;
  for (auto make :
       {attentionProblems, variantProblems, contractionProblems, rowProblems, samplingProblems})
    llvm::append_range(problems, make());
  solvers = {foveaSolver(options.cpu)};
  llvm::append_range(solvers, peerSolvers());

  registerCeilings(options.threads);
  registerLoops(options.threads);
  for (const Problem &problem : problems)
    for (const Solver &solver : solvers)
      for (unsigned count : options.threads)
        if (solver.solves(problem) && (problem.parallel || count == 1))
          add(withThreads(solver.name + "/" + problem.name, count),
              [&, count](benchmark::State &state) {
                return runProblem(state, problem, solver, count);
              });
  for (const CompileProblem &problem : compileProblems())
    for (unsigned count : options.threads)
      add(withThreads("compile/" + problem.name, count),
          [=](benchmark::State &state) { return measureCompilation(state, problem, count); });
  return llvm::Error::success();
}
