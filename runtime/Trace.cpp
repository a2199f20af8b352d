#include "runtime/Trace.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"

using namespace fovea;
namespace json = llvm::json;

struct Tracer::Loop {
  Tracer &tracer;
  fovea_task task;
  void *closure;
  unsigned kernel;
};

Tracer::Tracer(ThreadPool &pool, const Kernels &kernels)
    : pool(pool), kernels(kernels), start(Clock::now()), ranges(pool.size()) {}

int64_t Tracer::now() const { return std::chrono::nanoseconds(Clock::now() - start).count(); }

void Tracer::runRange(void *closure, int64_t begin, int64_t end, int64_t worker) {
  Loop &loop = *static_cast<Loop *>(closure);
  TraceSpan span{loop.kernel, static_cast<unsigned>(worker), begin, end, loop.tracer.now(), 0};
  loop.task(loop.closure, begin, end, worker);
  span.end = loop.tracer.now();
  loop.tracer.ranges[worker].push_back(span);
}

void Tracer::parallelFor(void *self, int64_t count, fovea_task task, void *closure) {
  Tracer &tracer = *static_cast<Tracer *>(self);
  Loop loop{tracer, task, closure, tracer.kernels.lookup(task)};
  TraceSpan span{loop.kernel, 0, 0, count, tracer.now(), 0};
  tracer.pool.parallelFor(count, runRange, &loop);
  span.end = tracer.now();
  tracer.launches.push_back(span);
}

void Tracer::finish(Trace &trace) {
  trace.duration = now();
  trace.launches = std::move(launches);
  for (const std::vector<TraceSpan> &spans : ranges)
    trace.ranges.insert(trace.ranges.end(), spans.begin(), spans.end());
}

//===----------------------------------------------------------------------===//
// Trace Event Format
//===----------------------------------------------------------------------===//

static json::Object threadName(int64_t thread, const std::string &name) {
  return json::Object{{"ph", "M"},
                      {"pid", 1},
                      {"tid", thread},
                      {"name", "thread_name"},
                      {"args", json::Object{{"name", name}}}};
}

/// A complete event; times in microseconds.
static json::Object complete(const std::string &name, const char *category, int64_t thread,
                             int64_t start, int64_t end, json::Object arguments) {
  return json::Object{{"ph", "X"},
                      {"pid", 1},
                      {"tid", thread},
                      {"name", json::fixUTF8(name)},
                      {"cat", category},
                      {"ts", static_cast<double>(start) / 1e3},
                      {"dur", static_cast<double>(end - start) / 1e3},
                      {"args", std::move(arguments)}};
}

/// "contraction_1 (model.fov:9)".
static std::string labelOf(const KernelSpec &kernel) {
  if (!kernel.place.isKnown())
    return kernel.name;
  return kernel.name + " (" + llvm::sys::path::filename(kernel.place.file).str() + ":" +
         std::to_string(kernel.place.line) + ")";
}

void fovea::writeChromeTrace(llvm::raw_ostream &os, const Trace &trace) {
  json::Array events;
  events.push_back(threadName(0, "worker 0, which calls"));
  unsigned workers = 1;
  for (const TraceSpan &span : trace.ranges)
    workers = std::max(workers, span.worker + 1);
  for (unsigned worker = 1; worker < workers; ++worker)
    events.push_back(threadName(worker, "worker " + std::to_string(worker)));
  events.push_back(complete("run " + trace.entry, "run", 0, 0, trace.duration, {}));
  auto add = [&](const TraceSpan &span, const char *category) {
    const KernelSpec &kernel = trace.kernels[span.kernel];
    events.push_back(complete(labelOf(kernel), category, span.worker, span.start, span.end,
                              json::Object{{"place", json::fixUTF8(kernel.place.str())},
                                           {"first_task", span.firstTask},
                                           {"end_task", span.endTask}}));
  };
  for (const TraceSpan &span : trace.launches)
    add(span, "launch");
  for (const TraceSpan &span : trace.ranges)
    add(span, "tasks");
  os << json::Value(json::Object{{"traceEvents", std::move(events)}, {"displayTimeUnit", "ms"}})
     << "\n";
}
