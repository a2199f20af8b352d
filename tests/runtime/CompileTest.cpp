#include "runtime/Compile.h"
#include "dialect/RegisterAll.h"
#include "mlir/Parser/Parser.h"
#include "runtime/Abi.h"
#include "runtime/Jit.h"
#include "runtime/Reference.h"
#include "tests/ErrorTesting.h"
#include "llvm/ADT/STLExtras.h"
#include "gtest/gtest.h"
#include <cstring>
#include <random>

using namespace fovea;
using namespace fovea::testing;

namespace {
/// A module with the context that owns it.
struct Module {
  std::unique_ptr<mlir::MLIRContext> context = makeContext();
  mlir::OwningOpRef<mlir::ModuleOp> op;

  explicit Module(llvm::StringRef source)
      : op(mlir::parseSourceString<mlir::ModuleOp>(source, context.get(), "test.mlir")) {
    EXPECT_TRUE(op);
  }

  llvm::Expected<Executable> compile(const CompileOptions &options = {.threads = 2}) {
    return fovea::compile(*op, options);
  }
};
} // namespace

static const char addSource[] = R"mlir(
  func.func @add(%x: tensor<?x4xf32> {attn.name = "x", attn.dims = ["L", ""]},
                 %y: tensor<?x4xf32> {attn.name = "y", attn.dims = ["L", ""]})
      -> (tensor<?x4xf32> {attn.name = "sum"}) {
    %c0 = arith.constant 0 : index
    %l = tensor.dim %x, %c0 : tensor<?x4xf32>
    %init = tensor.empty(%l) : tensor<?x4xf32>
    %sum = linalg.add ins(%x, %y : tensor<?x4xf32>, tensor<?x4xf32>)
                      outs(%init : tensor<?x4xf32>) -> tensor<?x4xf32>
    return %sum : tensor<?x4xf32>
  })mlir";

/// relu(x w) with a sum, so that there are several loops and an intermediate buffer.
static const char matmulSource[] = R"mlir(
  func.func @main(%x: tensor<?x33xf32> {attn.name = "x", attn.dims = ["L", ""]},
                  %w: tensor<33x17xf32> {attn.name = "w", attn.dims = ["", ""]})
      -> (tensor<?x17xf32> {attn.name = "y"}) {
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %l = tensor.dim %x, %c0 : tensor<?x33xf32>
    %init = tensor.empty(%l) : tensor<?x17xf32>
    %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x17xf32>) -> tensor<?x17xf32>
    %xw = linalg.matmul ins(%x, %w : tensor<?x33xf32>, tensor<33x17xf32>)
                        outs(%zeros : tensor<?x17xf32>) -> tensor<?x17xf32>
    %relu = linalg.max ins(%xw, %zeros : tensor<?x17xf32>, tensor<?x17xf32>)
                       outs(%init : tensor<?x17xf32>) -> tensor<?x17xf32>
    return %relu : tensor<?x17xf32>
  })mlir";

/// Adds the weights of three layers to a vector, one after the other.
static const char weightSource[] = R"mlir(
  func.func @main(%x: tensor<4xf32> {attn.name = "x", attn.dims = [""]})
      -> (tensor<4xf32> {attn.name = "y"}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %init = tensor.empty() : tensor<4xf32>
    %y = scf.for %i = %c0 to %c3 step %c1 iter_args(%t = %x) -> (tensor<4xf32>) {
      %w = attn.weight "layers.{}.w"[%i of 3] : tensor<4xf32>
      %u = linalg.add ins(%t, %w : tensor<4xf32>, tensor<4xf32>)
                      outs(%init : tensor<4xf32>) -> tensor<4xf32>
      scf.yield %u : tensor<4xf32>
    }
    return %y : tensor<4xf32>
  })mlir";

static Tensor randomTensor(llvm::ArrayRef<int64_t> sizes, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  Tensor tensor = llvm::cantFail(Tensor::create(DataType::F32, sizes));
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    tensor.dataAs<float>()[i] = uniform(random);
  return tensor;
}

static std::shared_ptr<InMemoryWeights> makeWeights(int64_t layers, DataType type, int64_t size) {
  auto weights = std::make_shared<InMemoryWeights>();
  for (int64_t i = 0; i < layers; ++i)
    llvm::cantFail(weights->add(
        "layers." + std::to_string(i) + ".w",
        llvm::cantFail(Tensor::fromDoubles(type, {size}, std::vector<double>(size, 1 << i)))));
  return weights;
}

TEST(CompileTest, RunsOnDynamicSizes) {
  Module module(addSource);
  auto exe = module.compile();
  ASSERT_TRUE(succeeds(exe));
  for (int64_t length : {1, 7, 0, 100, 3}) {
    Tensor x = randomTensor({length, 4}, 1), y = randomTensor({length, 4}, 2);
    auto out = exe->run({{"y", y}, {"x", x}}); // in any order
    ASSERT_TRUE(succeeds(out));
    ASSERT_EQ(out->at("sum").sizes(), x.sizes());
    for (int64_t i = 0; i < length * 4; ++i)
      EXPECT_EQ(out->at("sum").dataAs<float>()[i], x.dataAs<float>()[i] + y.dataAs<float>()[i]);
  }
}

TEST(CompileTest, DescribesItsEntries) {
  Module module(addSource);
  auto exe = module.compile();
  ASSERT_TRUE(succeeds(exe));
  const EntrySignature *entry = llvm::cantFail(exe->findEntry(""));
  EXPECT_EQ(entry->name, "add");
  EXPECT_EQ(entry->inputs[1].describe(), "f32[L, 4]");
  EXPECT_EQ(entry->outputs[0].describe(), "f32[?, 4]");
  EXPECT_TRUE(failsWith(exe->findEntry("sub"), "there is no entry 'sub'; the entries are add"));
  EXPECT_EQ(exe->threads(), 2u);
  double seconds = 0;
  for (const PhaseTime &time : exe->compileTimes())
    seconds += time.seconds;
  EXPECT_GT(seconds, 0);
  EXPECT_EQ(exe->compileTimes().front().name, "passes");
}

TEST(CompileTest, PacksStridedInputs) {
  Module module(addSource);
  auto exe = module.compile();
  ASSERT_TRUE(succeeds(exe));
  Tensor x = randomTensor({4, 5}, 1), y = randomTensor({1, 4}, 2);
  TensorView transposed(x.data(), DataType::F32, {5, 4}, {1, 5});
  TensorView repeated(y.data(), DataType::F32, {5, 4}, {0, 1});
  auto out = exe->run({{"x", transposed}, {"y", repeated}});
  ASSERT_TRUE(succeeds(out));
  for (int64_t i = 0; i < 5; ++i)
    for (int64_t j = 0; j < 4; ++j)
      EXPECT_EQ(out->at("sum").at({i, j}),
                static_cast<float>(x.at({j, i})) + static_cast<float>(y.at({0, j})));
}

TEST(CompileTest, RunsIntoViewsOfTheCaller) {
  Module module(addSource);
  auto exe = module.compile();
  ASSERT_TRUE(succeeds(exe));
  float x[4] = {1, 2, 3, 4}, packed[4] = {}, spread[8] = {};
  TensorView input(x, {1, 4});
  MutableTensorView strided(spread, DataType::F32, {1, 4}, {8, 2});
  EXPECT_TRUE(succeeds(exe->runInto({{"x", input}, {"y", input}},
                                    NamedMutableView("sum", MutableTensorView(packed, {1, 4})))));
  EXPECT_TRUE(
      succeeds(exe->runInto({{"x", input}, {"y", input}}, NamedMutableView("sum", strided))));
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(packed[i], 2 * x[i]);
    EXPECT_EQ(spread[2 * i], 2 * x[i]);
    EXPECT_EQ(spread[2 * i + 1], 0);
  }
}

// One row does not fit a cache without rows, wherever it is meant to go.
TEST(CompileTest, WritesNothingToAnEmptyCache) {
  for (const char *kind : {"", "{ring}"}) {
    Module module((R"mlir(
      func.func @f(%x: tensor<1x1x1x4xf32> {attn.name = "x", attn.dims = ["", "", "", ""]},
                   %cache: tensor<1x1x?x4xf32> {attn.name = "cache", attn.dims = ["", "", "C", ""]},
                   %p: tensor<i64> {attn.name = "p", attn.dims = []})
          -> (tensor<1x1x?x4xf32> {attn.name = "cache"}) {
        %position = tensor.extract %p[] : tensor<i64>
        %at = arith.index_cast %position : i64 to index
        %y = attn.cache_append ins(%x : tensor<1x1x1x4xf32>) outs(%cache : tensor<1x1x?x4xf32>) at(%at) )mlir" +
                   llvm::Twine(kind) + R"mlir( -> tensor<1x1x?x4xf32>
        return %y : tensor<1x1x?x4xf32>
      })mlir")
                      .str());
    auto exe = module.compile();
    ASSERT_TRUE(succeeds(exe));
    float row[4] = {1, 2, 3, 4}, cache[8] = {};
    int64_t position = 1;
    auto append = [&](int64_t rows) {
      MutableTensorView view(cache, {1, 1, rows, 4});
      return exe->runInto(
          {{"x", TensorView(row, {1, 1, 1, 4})}, {"cache", view}, {"p", TensorView(&position, {})}},
          NamedMutableView("cache", view));
    };
    EXPECT_TRUE(succeeds(append(0)));
    EXPECT_EQ(llvm::ArrayRef(cache), llvm::ArrayRef<float>({0, 0, 0, 0, 0, 0, 0, 0}));
    EXPECT_TRUE(succeeds(append(2)));
    EXPECT_EQ(llvm::ArrayRef(cache), llvm::ArrayRef<float>({0, 0, 0, 0, 1, 2, 3, 4}));
  }
}

TEST(CompileTest, RejectsBadOutputs) {
  Module module(addSource);
  auto exe = module.compile();
  ASSERT_TRUE(succeeds(exe));
  float data[8] = {};
  TensorView x(data, {1, 4});
  auto run = [&](llvm::ArrayRef<NamedMutableView> outputs) {
    return exe->runInto({{"x", x}, {"y", x}}, outputs);
  };
  EXPECT_TRUE(failsWith(run({}), "missing output 'sum', f32[?, 4]"));
  EXPECT_TRUE(failsWith(run({{"sum", MutableTensorView(data, {2, 4})}}),
                        "output 'sum': expected f32[1, 4], got f32[2, 4]"));
  EXPECT_TRUE(failsWith(run({{"sum", MutableTensorView(data, DataType::I32, {1, 4})}}),
                        "expected f32[1, 4], got i32[1, 4]"));
  EXPECT_TRUE(failsWith(run({{"sum", MutableTensorView(nullptr, DataType::F32, {1, 4})}}),
                        "output 'sum': f32[1, 4] has no data"));
}

TEST(CompileTest, RejectsBadInputs) {
  Module module(addSource);
  auto exe = module.compile();
  ASSERT_TRUE(succeeds(exe));
  float data[64] = {};
  double wide[8] = {};
  TensorView x(data, {2, 4});
  auto rejects = [&](llvm::ArrayRef<NamedView> inputs, llvm::StringRef message) {
    return failsWith(exe->run(inputs), message);
  };
  EXPECT_TRUE(rejects({{"x", x}}, "entry 'add': missing input 'y', f32[L, 4]"));
  EXPECT_TRUE(rejects({{"x", x}, {"y", x}, {"yy", x}},
                      "there is no input 'yy' (did you mean 'y'?); expected x, y"));
  EXPECT_TRUE(rejects({{"x", x}, {"y", x}, {"x", x}}, "input 'x' is given twice"));
  EXPECT_TRUE(rejects({{"x", TensorView(wide, {2, 4})}, {"y", x}},
                      "input 'x': expected f32[L, 4], got f64[2, 4]"));
  EXPECT_TRUE(rejects({{"x", TensorView(data, {8})}, {"y", x}},
                      "input 'x': expected f32[L, 4], got f32[8]"));
  EXPECT_TRUE(rejects({{"x", x}, {"y", TensorView(data, {2, 2})}},
                      "input 'y': dim 1 is 2, expected 4 (f32[L, 4])"));
  EXPECT_TRUE(rejects({{"x", x}, {"y", TensorView(data, {3, 4})}},
                      "input 'y': dim 0 (L) is 3, but 'x' says L = 2"));
  EXPECT_TRUE(rejects({{"x", TensorView(data, {-1, 4})}, {"y", x}}, "input 'x': expected sizes"));
  EXPECT_TRUE(
      rejects({{"x", TensorView(nullptr, DataType::F32, {2, 4})}, {"y", x}}, "pointer is null"));
  EXPECT_TRUE(failsWith(exe->run({}, "other"), "there is no entry 'other'"));
  auto stillWorks = exe->run({{"x", x}, {"y", x}});
  EXPECT_TRUE(succeeds(stillWorks));
}

TEST(CompileTest, RejectsBooleansThatAreNeither) {
  Module module(R"mlir(
    func.func @main(%x: tensor<4xi1> {attn.name = "x"}) -> (tensor<4xi1> {attn.name = "y"}) {
      return %x : tensor<4xi1>
    })mlir");
  auto exe = module.compile();
  ASSERT_TRUE(succeeds(exe));
  uint8_t x[4] = {0, 1, 1, 0};
  auto run = [&] { return exe->run({{"x", TensorView(x, DataType::Bool, {4})}}); };
  EXPECT_EQ(toDoubles(llvm::cantFail(run()).at("y")), (std::vector<double>{0, 1, 1, 0}));
  x[2] = 2;
  EXPECT_TRUE(failsWith(run(), "input 'x': expected bytes of 0 or 1"));
}

TEST(CompileTest, RejectsInputsTooLargeForMemory) {
  Module module(addSource);
  auto exe = module.compile();
  ASSERT_TRUE(succeeds(exe));
  float data[4] = {};
  // One row, repeated 2^50 times by a stride of zero.
  TensorView huge(data, DataType::F32, {int64_t(1) << 50, 4}, {0, 1});
  EXPECT_TRUE(
      failsWith(exe->run({{"x", huge}, {"y", huge}}), "its dims are too large for this machine's"));
}

/// The sum of all products of two vectors' elements; `%xy` holds the products.
static const char outerSource[] = R"mlir(
  #row = affine_map<(i, j) -> (i)>
  #column = affine_map<(i, j) -> (j)>
  #all = affine_map<(i, j) -> (i, j)>
  func.func @main(%x: tensor<?x?xf32> {attn.name = "x"}, %y: tensor<?xf32> {attn.name = "y"})
      -> (tensor<?xf32> {attn.name = "sums"}) {
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?x?xf32>
    %m = tensor.dim %y, %c0 : tensor<?xf32>
    %init = tensor.empty(%n, %m) : tensor<?x?xf32>
    %xy = linalg.generic {indexing_maps = [#column, #all],
                          iterator_types = ["parallel", "parallel"]}
          ins(%y : tensor<?xf32>) outs(%init : tensor<?x?xf32>) {
      ^bb0(%a: f32, %unused: f32):
        linalg.yield %a : f32
    } -> tensor<?x?xf32>
    %sums_init = tensor.empty(%m) : tensor<?xf32>
    %zeros = linalg.fill ins(%zero : f32) outs(%sums_init : tensor<?xf32>) -> tensor<?xf32>
    %sums = linalg.generic {indexing_maps = [#all, #column],
                            iterator_types = ["reduction", "parallel"]}
            ins(%xy : tensor<?x?xf32>) outs(%zeros : tensor<?xf32>) {
      ^bb0(%a: f32, %sum: f32):
        %next = arith.addf %sum, %a : f32
        linalg.yield %next : f32
    } -> tensor<?xf32>
    return %sums : tensor<?xf32>
  })mlir";

TEST(CompileTest, RejectsRunsTooLargeForMemory) {
  Module module(outerSource);
  auto exe = module.compile({.threads = 1, .route = "reference"});
  ASSERT_TRUE(succeeds(exe));
  std::vector<float> x(1 << 20, 1);
  auto run = [&](llvm::ArrayRef<int64_t> xSizes, int64_t ySize) {
    return exe->run({{"x", TensorView(x.data(), xSizes)}, {"y", TensorView(x.data(), {ySize})}});
  };
  EXPECT_EQ(llvm::cantFail(run({3, 1}, 5)).at("sums").at({4}), 3);
  EXPECT_TRUE(failsWith(run({1 << 20, 1}, 1 << 20), "takes 4.0 TiB, this machine has"));
  EXPECT_TRUE(failsWith(run({int64_t(1) << 50, 0}, 4), "input 'x' is f32[1125899906842624, 0]"));
}

// Sizes that no memory could back, asked of the compiled function itself.
TEST(CompileTest, WorkspaceSizesDoNotOverflow) {
  Module module(outerSource);
  auto code = compileToFile(*module.op, CodeKind::Object, {.route = "reference"});
  ASSERT_TRUE(succeeds(code));
  Jit jit = llvm::cantFail(Jit::load({code->contents}));
  auto *workspaceSize =
      llvm::cantFail(jit.lookup<int64_t(const fovea_tensor *, int64_t)>("main_workspace_size"));
  auto ask = [&](int64_t n, int64_t m) {
    int64_t xSizes[] = {n, 0}, ySizes[] = {m};
    fovea_tensor inputs[] = {{nullptr, xSizes, nullptr}, {nullptr, ySizes, nullptr}};
    return workspaceSize(inputs, 1);
  };
  EXPECT_GE(ask(1 << 10, 1 << 10), 4 << 20);
  EXPECT_EQ(ask(int64_t(1) << 31, int64_t(1) << 31), -1); // 2^64 bytes wrap to 0
  EXPECT_EQ(ask(int64_t(1) << 40, int64_t(1) << 40), -1);
}

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
      failsWith(module.compile({.target = "sse"}), "generic, avx2, avx512, neon, got 'sse'"));
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
  EXPECT_EQ(llvmIr.weights[0].nameOf(2), "layers.2.w");
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
