// fovea-bench: measures Fovea and its peers beside what the machine can do. Takes the flags of
// Google Benchmark, --threads=N,..., --cpu=NAME for the CPU that Fovea compiles for and that the
// peak of multiply-adds is that of, and --patience=SECONDS, for which it waits in all for other
// processes to pause. Fails if anything fails to run or computes something wrong.
#include "bench/Solver.h"
#include "bench/Suite.h"
#include "runtime/Memory.h"
#include "runtime/ThreadPool.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Host.h"
#include <benchmark/benchmark.h>

using llvm::StringRef;

static bool parseThreads(StringRef list, std::vector<unsigned> &threads) {
  threads.clear();
  for (StringRef number : llvm::split(list, ',')) {
    unsigned count = 0;
    if (number.getAsInteger(10, count) || count == 0 || count > fovea::ThreadPool::maxThreads)
      return false;
    threads.push_back(count);
  }
  return true;
}

/// Takes the options of the suite out of the arguments. False if one has a bad value.
static bool takeOptions(int &argc, char **argv, fovea::bench::SuiteOptions &options) {
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    StringRef argument = argv[i];
    if (argument.consume_front("--threads=")) {
      if (!parseThreads(argument, options.threads))
        return false;
    } else if (argument.consume_front("--cpu=")) {
      options.cpu = argument.str();
    } else if (argument.consume_front("--patience=")) {
      if (argument.getAsDouble(options.patience) || !(options.patience >= 0))
        return false;
    } else {
      argv[kept++] = argv[i];
    }
  }
  argc = kept;
  return true;
}

int main(int argc, char **argv) {
  fovea::keepFreeMemory(); // as 'fovea' does
  fovea::bench::SuiteOptions options;
  benchmark::Initialize(&argc, argv);
  if (!takeOptions(argc, argv, options)) {
    llvm::errs() << "fovea-bench: expected --threads=N,..., --cpu=NAME and --patience=SECONDS\n";
    return 2;
  }
  if (benchmark::ReportUnrecognizedArguments(argc, argv))
    return 2;
  benchmark::AddCustomContext("cpu", llvm::sys::getHostCPUName().str());
  if (options.cpu != "native")
    benchmark::AddCustomContext("compiled for", options.cpu);
  for (const std::string &missing : fovea::bench::missingPeers())
    llvm::errs() << "note: " << missing << "\n";
  if (llvm::Error error = fovea::bench::registerSuite(options)) {
    llvm::errs() << "fovea-bench: " << llvm::toString(std::move(error)) << "\n";
    return 2;
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  if (unsigned failures = fovea::bench::failureCount()) {
    llvm::errs() << "fovea-bench: " << failures << " benchmarks failed\n";
    return 1;
  }
  return 0;
}
