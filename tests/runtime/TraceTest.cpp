#include "runtime/Trace.h"
#include "inspect/RecordTesting.h"
#include <cstring>
#include <thread>

using namespace fovea;
using namespace fovea::testing;

static const char causal[] = "%m = arith.cmpi sge, %i, %j : index";

static Tensor filled(int64_t length, float value) {
  llvm::Expected<Tensor> tensor = Tensor::createUninitialized(DataType::F32, {1, 2, length, 16});
  EXPECT_TRUE(succeeds(tensor));
  auto *data = static_cast<float *>(tensor->mutableView().data());
  for (int64_t i = 0; i < 32 * length; ++i)
    data[i] = value + static_cast<float>(i % 7);
  return std::move(*tensor);
}

/// Each launch is covered by ranges that lie within it, and results are those of a plain run.
static void checkTracedRun(const Executable &executable, int64_t length) {
  Tensor q = filled(length, 0.1f), k = filled(length, 0.2f), v = filled(length, 0.3f);
  NamedView inputs[] = {{"q", q}, {"k", k}, {"v", v}};
  Trace trace;
  auto traced = executable.runTraced(inputs, trace);
  auto plain = executable.run(inputs);
  ASSERT_TRUE(succeeds(traced));
  ASSERT_TRUE(succeeds(plain));
  TensorView y = (*traced)["y"], expected = (*plain)["y"];
  EXPECT_EQ(std::memcmp(y.data(), expected.data(), y.numBytes()), 0);
  EXPECT_EQ(trace.entry, "f");
  ASSERT_FALSE(trace.launches.empty());
  for (const TraceSpan &launch : trace.launches) {
    ASSERT_LT(launch.kernel, trace.kernels.size());
    EXPECT_LE(launch.end, trace.duration);
    int64_t tasks = 0;
    for (const TraceSpan &range : trace.ranges)
      if (launch.start <= range.start && range.end <= launch.end)
        tasks += range.endTask - range.firstTask;
    EXPECT_EQ(tasks, launch.endTask);
  }
  for (const TraceSpan &range : trace.ranges)
    EXPECT_LT(range.worker, executable.threads());
}

TEST(TraceTest, NotesEveryLaunchAtAnyNumberOfThreads) {
  Recorded recorded(attentionSource(causal));
  for (unsigned threads : {1u, 4u}) {
    auto executable = compile(recorded.graph, {.threads = threads, .trace = true});
    ASSERT_TRUE(succeeds(executable));
    checkTracedRun(*executable, 400);
    checkTracedRun(*executable, 1);
  }
}

TEST(TraceTest, RunsThatOverlapHaveTracesOfTheirOwn) {
  Recorded recorded(attentionSource(causal));
  auto executable = compile(recorded.graph, {.threads = 2, .trace = true});
  ASSERT_TRUE(succeeds(executable));
  std::vector<std::thread> callers;
  for (int64_t length : {200, 300, 400})
    callers.emplace_back([&, length] {
      for (int i = 0; i < 5; ++i)
        checkTracedRun(*executable, length);
    });
  for (std::thread &caller : callers)
    caller.join();
}

TEST(TraceTest, NeedsCodeThatIsCompiledForIt) {
  Recorded recorded(attentionSource(causal));
  auto executable = compile(recorded.graph, {.threads = 1});
  ASSERT_TRUE(succeeds(executable));
  Tensor q = filled(3, 0);
  NamedView inputs[] = {{"q", q}, {"k", q}, {"v", q}};
  Trace trace;
  EXPECT_TRUE(failsWith(executable->runTraced(inputs, trace), "without CompileOptions::trace"));
}

TEST(TraceTest, EscapesNames) {
  Trace trace{
      "a\"b", {{"f.k.task", "f.\"k\"", {"dir/m\\n.fov", 3, 1}}}, {{0, 0, 0, 1, 5, 9}}, {}, 9};
  std::string text;
  llvm::raw_string_ostream os(text);
  writeChromeTrace(os, trace);
  llvm::Expected<llvm::json::Value> parsed = llvm::json::parse(text);
  ASSERT_TRUE(succeeds(parsed));
  const llvm::json::Array *events = parsed->getAsObject()->getArray("traceEvents");
  ASSERT_TRUE(events);
  EXPECT_EQ(events->back().getAsObject()->getString("name"), "f.\"k\" (m\\n.fov:3)");
}
