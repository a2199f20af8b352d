// What it costs to start a loop on all threads of a pool and to end it, beside no work at all.
#include "bench/Loops.h"
#include "runtime/Stopwatch.h"
#include "runtime/ThreadPool.h"
#include <benchmark/benchmark.h>
#include <chrono>

using namespace fovea;

static void spin(std::chrono::microseconds time) {
  for (Clock::time_point end = Clock::now() + time; Clock::now() < end;)
    ;
}

/// A task a thread, each of which waits until all have begun, so that none takes two.
static void meet(void *closure, int64_t begin, int64_t end, int64_t) {
  auto *missing = static_cast<std::atomic<int64_t> *>(closure);
  missing->fetch_sub(end - begin);
  while (missing->load() > 0)
    ;
}

static void measureLoops(benchmark::State &state, unsigned threads,
                         std::chrono::microseconds pause) {
  ThreadPool pool(threads);
  if (pool.size() != threads)
    return state.SkipWithError("the system refuses the threads");
  while (state.KeepRunning()) {
    spin(pause);
    std::atomic<int64_t> missing = threads;
    Clock::time_point start = Clock::now();
    pool.parallelFor(threads, meet, &missing);
    state.SetIterationTime(secondsSince(start));
  }
}

void bench::registerLoops(llvm::ArrayRef<unsigned> threads) {
  // Shorter and longer than workers wait awake.
  for (int pause : {0, 20, 80, 1000})
    for (unsigned count : threads) {
      std::string name =
          "loop/after_us:" + std::to_string(pause) + "/threads:" + std::to_string(count);
      benchmark::RegisterBenchmark(name.c_str(),
                                   [=](benchmark::State &state) {
                                     measureLoops(state, count, std::chrono::microseconds(pause));
                                   })
          ->UseManualTime()
          ->Unit(benchmark::kMicrosecond)
          ->Iterations(200);
    }
}
