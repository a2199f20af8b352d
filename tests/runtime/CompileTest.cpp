#include "runtime/Compile.h"
#include "runtime/Reference.h"
#include "tests/runtime/CompileTesting.h"
#include "llvm/ADT/STLExtras.h"
#include "gtest/gtest.h"
#include <cstring>

using namespace fovea;
using namespace fovea::testing;

static const char twoEntriesSource[] = R"mlir(
  func.func @exp(%x: tensor<2xf32> {attn.name = "x"}) -> (tensor<2xf32> {attn.name = "y"}) {
    %init = tensor.empty() : tensor<2xf32>
    %y = linalg.exp ins(%x : tensor<2xf32>) outs(%init : tensor<2xf32>) -> tensor<2xf32>
    return %y : tensor<2xf32>
  }
  func.func @main(%x: tensor<2xf32> {attn.name = "x"}) -> (tensor<2xf32> {attn.name = "y"}) {
    %init = tensor.empty() : tensor<2xf32>
    %y = linalg.negf ins(%x : tensor<2xf32>) outs(%init : tensor<2xf32>) -> tensor<2xf32>
    return %y : tensor<2xf32>
  })mlir";

TEST(CompileTest, ChoosesAmongEntries) {
  Module module(twoEntriesSource);
  auto exe = module.compile();
  ASSERT_TRUE(succeeds(exe));
  float x[2] = {0, 2};
  auto run = [&](llvm::StringRef entry) { return exe->run({{"x", TensorView(x, {2})}}, entry); };
  EXPECT_EQ(llvm::cantFail(run("")).at("y").at({1}), -2);
  EXPECT_EQ(llvm::cantFail(run("exp")).at("y").at({0}), 1);
  EXPECT_TRUE(failsWith(run("log"), "there is no entry 'log'; the entries are exp, main"));
}

TEST(CompileTest, CompilesOneEntryAlone) {
  Module module(twoEntriesSource);
  auto exe = module.compile({.threads = 1, .entry = "exp"});
  ASSERT_TRUE(succeeds(exe));
  float x[2] = {0, 2};
  EXPECT_EQ(llvm::cantFail(exe->run({{"x", TensorView(x, {2})}}, "")).at("y").at({0}), 1);
  EXPECT_TRUE(failsWith(exe->run({{"x", TensorView(x, {2})}}, "main"), "the entries are exp"));
  EXPECT_TRUE(failsWith(module.compile({.entry = "log"}),
                        "there is no entry 'log'; the entries are exp, main"));
}

TEST(CompileTest, SameBitsAtAnyThreadCount) {
  Module module(matmulSource);
  Tensor x = randomTensor({61, 33}, 3), w = randomTensor({33, 17}, 4);
  std::optional<Tensor> first;
  for (unsigned threads : {1u, 2u, 3u, 7u}) {
    auto exe = module.compile({.threads = threads});
    ASSERT_TRUE(succeeds(exe));
    for (int repeat = 0; repeat < 3; ++repeat) {
      auto out = exe->run({{"x", x}, {"w", w}});
      ASSERT_TRUE(succeeds(out));
      Tensor &y = out->at("y");
      if (!first)
        first = std::move(y);
      else
        EXPECT_EQ(std::memcmp(first->data(), y.data(), y.numBytes()), 0) << threads;
    }
  }
}

// Sums of 33 products of numbers below 1 in f32: each rounding is at most 2^-24 relative, and the
// largest possible partial sum is 33.
static constexpr double matmulTolerance = 33 * 33 * 0x1p-24;

TEST(CompileTest, AgreesWithTheReferenceOnBothRoutes) {
  Module module(matmulSource);
  Tensor x = randomTensor({21, 33}, 5), w = randomTensor({33, 17}, 6);
  auto expected = runReference(*module.op, "main", {x, w}, nullptr);
  ASSERT_TRUE(succeeds(expected));
  for (const char *route : {"fast", "reference"}) {
    auto exe = module.compile({.threads = 2, .route = route});
    ASSERT_TRUE(succeeds(exe));
    auto out = exe->run({{"x", x}, {"w", w}});
    ASSERT_TRUE(succeeds(out));
    std::vector<double> got = toDoubles(out->at("y")), wanted = toDoubles((*expected)[0]);
    ASSERT_EQ(got.size(), wanted.size());
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_NEAR(got[i], wanted[i], matmulTolerance) << route;
  }
}

TEST(CompileTest, LooksUpWeightsOfEachLayer) {
  Module module(weightSource);
  auto exe = module.compile({.threads = 1, .weights = makeWeights(3, DataType::F32, 4)});
  ASSERT_TRUE(succeeds(exe));
  float x[4] = {0, 10, 20, 30};
  auto out = exe->run({{"x", TensorView(x, {4})}});
  ASSERT_TRUE(succeeds(out));
  EXPECT_EQ(toDoubles(out->at("y")), (std::vector<double>{7, 17, 27, 37}));
}

namespace {
/// Calls back when somebody asks for a tensor.
class WatchedWeights : public WeightSource {
public:
  WatchedWeights(std::shared_ptr<const WeightSource> weights, std::function<void()> asked)
      : weights(std::move(weights)), asked(std::move(asked)) {}
  std::optional<TensorView> find(llvm::StringRef name) const override {
    asked();
    return weights->find(name);
  }
  std::vector<std::string> names() const override { return weights->names(); }
  std::string location() const override { return weights->location(); }

private:
  std::shared_ptr<const WeightSource> weights;
  std::function<void()> asked;
};
} // namespace

TEST(CompileTest, DestroysAGraphThatItTakesBeforeItReadsWeights) {
  Graph graph = llvm::cantFail(Graph::fromMlir(weightSource));
  int asked = 0;
  auto weights = std::make_shared<WatchedWeights>(makeWeights(3, DataType::F32, 4), [&] {
    ++asked;
    EXPECT_FALSE(graph.module()); // NOLINT(bugprone-use-after-move)
  });
  auto exe = compile(std::move(graph), {.threads = 1, .weights = weights});
  ASSERT_TRUE(succeeds(exe));
  EXPECT_EQ(asked, 3);
  float x[4] = {0, 10, 20, 30};
  auto out = exe->run({{"x", TensorView(x, {4})}});
  ASSERT_TRUE(succeeds(out));
  EXPECT_EQ(toDoubles(out->at("y")), (std::vector<double>{7, 17, 27, 37}));
}

TEST(CompileTest, RejectsBadWeights) {
  Module module(weightSource);
  EXPECT_TRUE(failsWith(module.compile(), "holds 'layers.0.w', none was given"));
  EXPECT_TRUE(failsWith(module.compile({.weights = makeWeights(2, DataType::F32, 4)}),
                        "expected weight 'layers.2.w', there is none of that name"));
  EXPECT_TRUE(failsWith(module.compile({.weights = makeWeights(3, DataType::F16, 4)}),
                        "weight 'layers.0.w': expected f32[4], got f16[4]"));
  EXPECT_TRUE(failsWith(module.compile({.weights = makeWeights(3, DataType::F32, 5)}),
                        "weight 'layers.0.w': expected f32[4], got f32[5]"));
}

TEST(CompileTest, RejectsBadOptions) {
  Module module(addSource);
  EXPECT_TRUE(failsWith(module.compile({.route = "slow"}), "route fast or reference, got 'slow'"));
  EXPECT_TRUE(failsWith(module.compile({.cpu = "abacus"}), "or native, got 'abacus'"));
  EXPECT_TRUE(
      failsWith(module.compile({.target = "sse"}), "generic, avx2, avx512, zen4, neon, got 'sse'"));
#if defined(__x86_64__)
  EXPECT_TRUE(failsWith(module.compile({.cpu = "znver3", .target = "avx512"}),
                        "the CPU znver3 lacks instructions of the target 'avx512'; its own is "
                        "'avx2'"));
#endif
  EXPECT_TRUE(failsWith(module.compile({.optLevel = 4}), "from 0 to 3, got 4"));
}

TEST(CompileTest, RejectsModulesWithoutUsableEntries) {
  EXPECT_TRUE(failsWith(Module("").compile(), "expected a module with a public function"));
  EXPECT_TRUE(failsWith(Module("func.func @f(%x: f32) { return }").compile(),
                        "entry 'f': 'arg0': expected a ranked tensor"));
  EXPECT_TRUE(failsWith(Module("func.func @f(%x: tensor<2xi4>) { return }").compile(),
                        "'arg0': expected a ranked tensor of floats"));
  EXPECT_TRUE(failsWith(Module(R"mlir(func.func @f(%x: tensor<2xf32> {attn.name = "a"},
                                                   %y: tensor<2xf32> {attn.name = "a"}) {
                                        return })mlir")
                            .compile(),
                        "two inputs are called 'a'"));
  EXPECT_TRUE(failsWith(Module(R"mlir(func.func @f(%x: tensor<2xf32> {attn.dims = []}) {
                                        return })mlir")
                            .compile(),
                        "expected attn.dims for 1 dims, got 0"));
}

// What a pass complains about comes back with its place, and nothing is printed.
TEST(CompileTest, ErrorsOfPassesHavePlaces) {
  Module module("func.func private @other(tensor<2xf32>) -> tensor<2xf32>\n"
                "func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> {\n"
                "  %y = call @other(%x) : (tensor<2xf32>) -> tensor<2xf32>\n"
                "  return %y : tensor<2xf32>\n}");
  ::testing::internal::CaptureStderr();
  EXPECT_TRUE(failsWith(module.compile(), "test.mlir:3:"));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(CompileToFileTest, EmitsEachKind) {
  Module module(weightSource);
  auto emit = [&](CodeKind kind) { return llvm::cantFail(compileToFile(*module.op, kind)); };
  CompiledCode llvmIr = emit(CodeKind::LlvmIr);
  EXPECT_TRUE(llvm::StringRef(llvmIr.contents).contains("define dso_local void @main("));
  EXPECT_TRUE(llvm::StringRef(llvmIr.contents).contains("@main_workspace_size"));
  EXPECT_EQ(llvmIr.entries.size(), 1u);
  ASSERT_EQ(llvmIr.weights.size(), 1u);
  EXPECT_EQ(llvmIr.weights[0].slots().nameOf(2), "layers.2.w");
  EXPECT_TRUE(llvm::StringRef(emit(CodeKind::Assembly).contents).contains("main:"));
  EXPECT_TRUE(llvm::StringRef(emit(CodeKind::Object).contents)
                  .starts_with("\x7f"
                               "ELF"));
}

TEST(CompileToFileTest, EmitsEachPhaseAsMlir) {
  Module module(addSource);
  auto at = [&](Phase phase) { return llvm::cantFail(compileToMlir(*module.op, phase)); };
  EXPECT_NE(at(Phase::Input).find("linalg.add"), std::string::npos);
  EXPECT_EQ(at(Phase::Bufferized).find("tensor<"), std::string::npos);
  EXPECT_NE(at(Phase::Llvm).find("llvm.func @add("), std::string::npos);
}
