// When which kernel ran on which thread, in one run.
#ifndef FOVEA_RUNTIME_TRACE_H
#define FOVEA_RUNTIME_TRACE_H

#include "runtime/Finding.h"
#include "runtime/Stopwatch.h"
#include "runtime/ThreadPool.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/raw_ostream.h"

namespace fovea {

/// A kernel of compiled code whose launches can be traced.
struct KernelSpec {
  std::string task; // symbol of its task function
  std::string name; // "main.contraction_1"
  SourcePlace place;
};

/// Times are in nanoseconds from the start of the run.
struct TraceSpan {
  unsigned kernel = 0;
  unsigned worker = 0;
  int64_t firstTask = 0, endTask = 0;
  int64_t start = 0, end = 0;
};

struct Trace {
  std::string entry;
  std::vector<KernelSpec> kernels;
  std::vector<TraceSpan> launches; // as the calling thread saw them, in order
  std::vector<TraceSpan> ranges;   // what each worker ran of them, by worker
  int64_t duration = 0;
};

/// Trace Event Format, which chrome://tracing and Perfetto read: a row a thread; names have the
/// line of the description.
void writeChromeTrace(llvm::raw_ostream &os, const Trace &trace);

/// The parallel_for of a run that is traced: passes loops on to the pool and notes their times. Of
/// one run, and of no other.
class Tracer {
public:
  using Kernels = llvm::DenseMap<fovea_task, unsigned>;

  Tracer(ThreadPool &pool, const Kernels &kernels);

  /// A fovea_context's `parallel_for`, whose `pool` is the Tracer.
  static void parallelFor(void *tracer, int64_t count, fovea_task task, void *closure);

  /// Adds what was noted to `trace`.
  void finish(Trace &trace);

private:
  struct Loop;
  static void runRange(void *loop, int64_t begin, int64_t end, int64_t worker);
  int64_t now() const;

  ThreadPool &pool;
  const Kernels &kernels;
  Clock::time_point start;
  std::vector<TraceSpan> launches;
  std::vector<std::vector<TraceSpan>> ranges; // by worker: no two threads share one at a time
};

} // namespace fovea

#endif // FOVEA_RUNTIME_TRACE_H
