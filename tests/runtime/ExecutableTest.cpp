#include "runtime/Executable.h"
#include "runtime/Abi.h"
#include "runtime/Jit.h"
#include "tests/runtime/CompileTesting.h"
#include "llvm/ADT/STLExtras.h"
#include <cstring>

using namespace fovea;
using namespace fovea::testing;

TEST(ExecutableTest, RunsOnDynamicSizes) {
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

TEST(ExecutableTest, DescribesItsEntries) {
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

TEST(ExecutableTest, PacksStridedInputs) {
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

TEST(ExecutableTest, RunsIntoViewsOfTheCaller) {
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
TEST(ExecutableTest, WritesNothingToAnEmptyCache) {
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

TEST(ExecutableTest, RejectsBadOutputs) {
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

TEST(ExecutableTest, RejectsBadInputs) {
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

TEST(ExecutableTest, RejectsBooleansThatAreNeither) {
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

TEST(ExecutableTest, RejectsInputsTooLargeForMemory) {
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

TEST(ExecutableTest, RejectsRunsTooLargeForMemory) {
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
TEST(ExecutableTest, WorkspaceSizesDoNotOverflow) {
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
