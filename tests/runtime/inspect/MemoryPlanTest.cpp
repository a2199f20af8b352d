#include "RecordTesting.h"

using namespace fovea;
using namespace fovea::testing;

static const char causal[] = "%m = arith.cmpi sge, %i, %j : index";

static std::vector<NamedView> viewsOf(const std::vector<std::pair<std::string, Tensor>> &tensors) {
  return {tensors.begin(), tensors.end()};
}

static std::vector<std::pair<std::string, Tensor>> inputsOf(int64_t rows, int64_t keys) {
  std::vector<std::pair<std::string, Tensor>> inputs;
  for (auto [name, length] : {std::pair("q", rows), {"k", keys}, {"v", keys}}) {
    llvm::Expected<Tensor> tensor = Tensor::createUninitialized(DataType::F32, {1, 2, length, 16});
    EXPECT_TRUE(succeeds(tensor));
    inputs.emplace_back(name, std::move(*tensor));
  }
  return inputs;
}

/// The formulas of the plan give what the compiled size function gives.
TEST(MemoryPlanTest, AgreesWithTheCompiledSizes) {
  std::string source = attentionSource(causal);
  for (unsigned threads : {1u, 3u}) {
    Recorded recorded(source);
    CompilationRecord record;
    CompileOptions options;
    options.threads = threads;
    options.observer = &record;
    llvm::Expected<Executable> executable = compile(recorded.graph, options);
    ASSERT_TRUE(succeeds(executable));
    for (auto [rows, keys] : {std::pair<int64_t, int64_t>(1, 1), {3, 700}, {500, 500}, {77, 13}}) {
      auto inputs = inputsOf(rows, keys);
      auto use = executable->memoryUse(viewsOf(inputs));
      ASSERT_TRUE(succeeds(use));
      std::vector<MemoryPlan> plans =
          record.memory({{"Lq", rows}, {"Lk", keys}, {"workers", executable->threads()}});
      ASSERT_EQ(plans.size(), 1u);
      EXPECT_EQ(plans[0].workspace.constant(), use->workspace) << plans[0].workspace.str();
      EXPECT_EQ(plans[0].peak.constant(), use->total());
      EXPECT_LE(*plans[0].busiest, use->workspace);
      auto bytes = executable->workspaceBytes(viewsOf(inputs));
      ASSERT_TRUE(succeeds(bytes));
      EXPECT_EQ(*bytes, use->workspace);
    }
  }
}

TEST(MemoryPlanTest, NamesInputsResultsAndBuffers) {
  Recorded recorded(attentionSource(causal));
  std::vector<MemoryPlan> plans = recorded.record.memory({});
  ASSERT_EQ(plans.size(), 1u) << recorded.error;
  const MemoryPlan &plan = plans.front();
  ASSERT_EQ(plan.inputs.size(), 3u);
  EXPECT_EQ(plan.inputs[1].name, "k");
  EXPECT_EQ(plan.inputs[1].type, "f32[1, 2, Lk, 16]");
  EXPECT_EQ(plan.inputs[1].bytes.str(), "128*Lk");
  ASSERT_EQ(plan.results.size(), 1u);
  EXPECT_EQ(plan.results[0].type, "f32[1, 2, Lq, 16]");
  EXPECT_TRUE(plan.weights.empty());
  ASSERT_FALSE(plan.buffers.empty());
  EXPECT_EQ(plan.buffers.back().holds, "scratch of attention");
  EXPECT_EQ(plan.buffers.back().place.str(), "test.mlir:9:12");
  for (const BufferMemory &buffer : plan.buffers) {
    EXPECT_LE(buffer.firstStep, buffer.lastStep);
    EXPECT_LT(buffer.lastStep, plan.steps.size());
    EXPECT_LT(buffer.slot, plan.slots.size());
  }
}

/// Buffers that share a slot are never alive in the same step.
TEST(MemoryPlanTest, SlotsAreSharedInTurns) {
  Recorded recorded(R"mlir(
    func.func @f(%x: tensor<?x64xf32> {attn.name = "x", attn.dims = ["L", ""]})
        -> (tensor<?x64xf32> {attn.name = "y"}) {
      %zero = arith.constant 0.0 : f32
      %c0 = arith.constant 0 : index
      %w = attn.weight "w" : tensor<64x64xf32>
      %l = tensor.dim %x, %c0 : tensor<?x64xf32>
      %init = tensor.empty(%l) : tensor<?x64xf32>
      %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
      %a = linalg.matmul ins(%x, %w : tensor<?x64xf32>, tensor<64x64xf32>)
                         outs(%zeros : tensor<?x64xf32>) -> tensor<?x64xf32>
      %b = linalg.matmul ins(%a, %w : tensor<?x64xf32>, tensor<64x64xf32>)
                         outs(%zeros : tensor<?x64xf32>) -> tensor<?x64xf32>
      %c = linalg.matmul ins(%b, %w : tensor<?x64xf32>, tensor<64x64xf32>)
                         outs(%zeros : tensor<?x64xf32>) -> tensor<?x64xf32>
      %d = linalg.matmul ins(%c, %w : tensor<?x64xf32>, tensor<64x64xf32>)
                         outs(%zeros : tensor<?x64xf32>) -> tensor<?x64xf32>
      return %d : tensor<?x64xf32>
    })mlir");
  std::vector<MemoryPlan> plans = recorded.record.memory({{"L", 100}, {"workers", 2}});
  ASSERT_EQ(plans.size(), 1u) << recorded.error;
  const MemoryPlan &plan = plans.front();
  ASSERT_EQ(plan.weights.size(), 1u);
  EXPECT_EQ(plan.weights[0].bytes.constant(), 64 * 64 * 4);
  EXPECT_LT(plan.slots.size(), plan.buffers.size());
  for (const BufferMemory &a : plan.buffers)
    for (const BufferMemory &b : plan.buffers)
      if (&a != &b && a.slot == b.slot)
        EXPECT_TRUE(a.lastStep < b.firstStep || b.lastStep < a.firstStep) << a.holds << b.holds;
}

TEST(MemoryPlanTest, RunsAboveTheLimitAreRefused) {
  Recorded recorded(attentionSource(causal));
  CompileOptions options;
  options.threads = 1;
  options.maxBytes = 400000; // the kernel's scratch memory alone takes half of it
  llvm::Expected<Executable> executable = compile(recorded.graph, options);
  ASSERT_TRUE(succeeds(executable));
  auto small = inputsOf(4, 4), large = inputsOf(2000, 2000);
  auto within = executable->run(viewsOf(small));
  EXPECT_TRUE(succeeds(within));
  EXPECT_TRUE(failsWith(executable->run(viewsOf(large)),
                        "entry 'f': a run on inputs of these sizes takes "));
  EXPECT_TRUE(failsWith(executable->run(viewsOf(large)), "the limit is 390.6 KiB"));
  // Asking is not running.
  auto use = executable->memoryUse(viewsOf(large));
  EXPECT_TRUE(succeeds(use));
}

TEST(MemoryPlanTest, SizesAreRefusedAsARunRefusesThem) {
  Recorded recorded(attentionSource(causal));
  llvm::Expected<Executable> executable = compile(recorded.graph, {.threads = 1});
  ASSERT_TRUE(succeeds(executable));
  auto inputs = inputsOf(4, 4);
  inputs.pop_back();
  EXPECT_TRUE(failsWith(executable->workspaceBytes(viewsOf(inputs)), "missing input 'v'"));
  EXPECT_TRUE(failsWith(executable->workspaceBytes(viewsOf(inputs), "g"), "there is no entry 'g'"));
}
