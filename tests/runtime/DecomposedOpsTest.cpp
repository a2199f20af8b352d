// The ops that attn-decompose takes apart, compiled on both routes and compared with the float64
// reference executor on sizes that divide nothing.
#include "runtime/Compile.h"
#include "tests/runtime/ReferenceHarness.h"
#include <random>

using namespace fovea;

namespace {

struct NamedInput {
  const char *name;
  Tensor tensor;
};

Tensor randomFloats(std::vector<int64_t> sizes, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> uniform(-2, 2);
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  std::vector<double> values(count);
  for (double &value : values)
    value = uniform(generator);
  return llvm::cantFail(Tensor::fromDoubles(DataType::F32, sizes, values));
}

class DecomposedOps : public ::testing::TestWithParam<const char *> {
protected:
  /// Compiles @f on the route of the parameter and compares its result y with the oracle's. f32
  /// rounds at 6e-8; exponentials and sums of at most 100 terms stay within 100 of that.
  void check(llvm::StringRef text, std::initializer_list<NamedInput> inputs,
             double tolerance = 6e-6) {
    auto context = makeContext();
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, context.get(), "test.mlir");
    ASSERT_TRUE(module);
    std::vector<TensorView> views;
    std::vector<NamedView> named;
    for (const NamedInput &input : inputs) {
      views.push_back(input.tensor);
      named.push_back({input.name, input.tensor});
    }
    auto expected = runReference(*module, "f", views, {});
    ASSERT_TRUE(bool(expected)) << llvm::toString(expected.takeError());
    auto executable = fovea::compile(*module, {.threads = 2, .route = GetParam()});
    ASSERT_TRUE(bool(executable)) << llvm::toString(executable.takeError());
    auto outputs = executable->run(named);
    ASSERT_TRUE(bool(outputs)) << llvm::toString(outputs.takeError());
    expectNear(toDoubles(outputs->at("y")), toDoubles(expected->front()), tolerance);
  }

  static void expectNear(const std::vector<double> &actual, const std::vector<double> &expected,
                         double tolerance) {
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i)
      ASSERT_NEAR(actual[i], expected[i], tolerance * (1 + std::abs(expected[i])))
          << "element " << i;
  }
};

} // namespace

TEST_P(DecomposedOps, Softmax) {
  check(R"mlir(
    func.func @f(%x: tensor<2x?x37xf32> {attn.name = "x", attn.dims = ["", "L", ""]})
        -> (tensor<2x?x37xf32> {attn.name = "y"}) {
      %c1 = arith.constant 1 : index
      %l = tensor.dim %x, %c1 : tensor<2x?x37xf32>
      %e = tensor.empty(%l) : tensor<2x?x37xf32>
      %y = attn.softmax ins(%x : tensor<2x?x37xf32>) outs(%e : tensor<2x?x37xf32>) dim(2) -> tensor<2x?x37xf32>
      return %y : tensor<2x?x37xf32>
    })mlir",
        {{"x", randomFloats({2, 5, 37}, 1)}});
}

TEST_P(DecomposedOps, SoftmaxOfAnOuterDim) {
  check(R"mlir(
    func.func @f(%x: tensor<2x13x37xf32> {attn.name = "x", attn.dims = ["", "", ""]})
        -> (tensor<2x13x37xf32> {attn.name = "y"}) {
      %e = tensor.empty() : tensor<2x13x37xf32>
      %y = attn.softmax ins(%x : tensor<2x13x37xf32>) outs(%e : tensor<2x13x37xf32>) dim(1) -> tensor<2x13x37xf32>
      return %y : tensor<2x13x37xf32>
    })mlir",
        {{"x", randomFloats({2, 13, 37}, 1)}});
}

TEST_P(DecomposedOps, MaskedScores) {
  check(R"mlir(
    func.func @f(%x: tensor<2x3x?x?xf32> {attn.name = "x", attn.dims = ["", "", "L", "S"]})
        -> (tensor<2x3x?x?xf32> {attn.name = "y"}) {
      %c2 = arith.constant 2 : index
      %c3 = arith.constant 3 : index
      %l = tensor.dim %x, %c2 : tensor<2x3x?x?xf32>
      %s = tensor.dim %x, %c3 : tensor<2x3x?x?xf32>
      %me = tensor.empty(%l, %s) : tensor<?x?xi1>
      %m = attn.create_mask outs(%me : tensor<?x?xi1>) where {
      ^bb0(%i: index, %j: index):
        %p = arith.cmpi sge, %i, %j : index
        attn.yield %p : i1
      } -> tensor<?x?xi1>
      %e = tensor.empty(%l, %s) : tensor<2x3x?x?xf32>
      %y = attn.apply_mask ins(%x, %m : tensor<2x3x?x?xf32>, tensor<?x?xi1>) outs(%e : tensor<2x3x?x?xf32>)
                           fill(-1.0e9) -> tensor<2x3x?x?xf32>
      return %y : tensor<2x3x?x?xf32>
    })mlir",
        {{"x", randomFloats({2, 3, 11, 19}, 1)}});
}

TEST_P(DecomposedOps, Unfold) {
  check(R"mlir(
    func.func @f(%x: tensor<3x?x5xf32> {attn.name = "x", attn.dims = ["", "N", ""]})
        -> (tensor<3x?x5x4xf32> {attn.name = "y"}) {
      %y = attn.unfold %x dim(1) size(4) step(3) : tensor<3x?x5xf32> -> tensor<3x?x5x4xf32>
      return %y : tensor<3x?x5x4xf32>
    })mlir",
        {{"x", randomFloats({3, 18, 5}, 1)}});
}

static std::string rotarySource(llvm::StringRef attributes, llvm::StringRef type) {
  std::string text = R"mlir(
    func.func @f(%x: TYPE {attn.name = "x", attn.dims = ["", "", "", ""]},
                 %c: tensor<7x6xf32> {attn.name = "c", attn.dims = ["", ""]},
                 %s: tensor<7x6xf32> {attn.name = "s", attn.dims = ["", ""]})
        -> (TYPE {attn.name = "y"}) {
      %e = tensor.empty() : TYPE
      %y = attn.rotary ins(%x, %c, %s : TYPE, tensor<7x6xf32>, tensor<7x6xf32>) outs(%e : TYPE) ATTRIBUTES -> TYPE
      return %y : TYPE
    })mlir";
  for (auto [from, to] :
       {std::pair<llvm::StringRef, llvm::StringRef>{"TYPE", type}, {"ATTRIBUTES", attributes}})
    for (size_t at; (at = text.find(from)) != std::string::npos;)
      text.replace(at, from.size(), to);
  return text;
}

TEST_P(DecomposedOps, RotaryOfHalves) {
  check(rotarySource("", "tensor<2x3x7x17xf32>"), {{"x", randomFloats({2, 3, 7, 17}, 1)},
                                                   {"c", randomFloats({7, 6}, 2)},
                                                   {"s", randomFloats({7, 6}, 3)}});
}

TEST_P(DecomposedOps, RotaryOfNeighbours) {
  check(rotarySource("{pairing = #attn<rotary_pairing interleaved>, sequence_dim = 1 : i64}",
                     "tensor<2x7x3x12xf32>"),
        {{"x", randomFloats({2, 7, 3, 12}, 1)},
         {"c", randomFloats({7, 6}, 2)},
         {"s", randomFloats({7, 6}, 3)}});
}

static std::string cacheSource(llvm::StringRef ring) {
  return (R"mlir(
    func.func @f(%x: tensor<1x2x?x5xf32> {attn.name = "x", attn.dims = ["", "", "L", ""]},
                 %cache: tensor<1x2x8x5xf32> {attn.name = "cache", attn.dims = ["", "", "", ""]},
                 %p: tensor<i64> {attn.name = "p", attn.dims = []})
        -> (tensor<1x2x8x5xf32> {attn.name = "y"}) {
      %position = tensor.extract %p[] : tensor<i64>
      %at = arith.index_cast %position : i64 to index
      %y = attn.cache_append ins(%x : tensor<1x2x?x5xf32>) outs(%cache : tensor<1x2x8x5xf32>) at(%at) )mlir" +
          ring + R"mlir( -> tensor<1x2x8x5xf32>
      return %y : tensor<1x2x8x5xf32>
    })mlir")
      .str();
}

TEST_P(DecomposedOps, CacheAppend) {
  check(cacheSource(""), {{"x", randomFloats({1, 2, 3, 5}, 1)},
                          {"cache", randomFloats({1, 2, 8, 5}, 2)},
                          {"p", integers({}, {5})}});
}

TEST_P(DecomposedOps, CacheAppendRingWraps) {
  check(cacheSource("{ring}"), {{"x", randomFloats({1, 2, 3, 5}, 1)},
                                {"cache", randomFloats({1, 2, 8, 5}, 2)},
                                {"p", integers({}, {23})}});
}

TEST_P(DecomposedOps, RotaryOfSequencesAtPositionsOfTheirOwn) {
  check(R"mlir(
    func.func @f(%x: tensor<2x3x?x16xf32> {attn.name = "x", attn.dims = ["", "", "L", ""]},
                 %c: tensor<2x?x6xf32> {attn.name = "c", attn.dims = ["", "L", ""]},
                 %s: tensor<2x?x6xf32> {attn.name = "s", attn.dims = ["", "L", ""]})
        -> (tensor<2x3x?x16xf32> {attn.name = "y"}) {
      %c2 = arith.constant 2 : index
      %l = tensor.dim %x, %c2 : tensor<2x3x?x16xf32>
      %e = tensor.empty(%l) : tensor<2x3x?x16xf32>
      %y = attn.rotary ins(%x, %c, %s : tensor<2x3x?x16xf32>, tensor<2x?x6xf32>, tensor<2x?x6xf32>)
                       outs(%e : tensor<2x3x?x16xf32>) -> tensor<2x3x?x16xf32>
      return %y : tensor<2x3x?x16xf32>
    })mlir",
        {{"x", randomFloats({2, 3, 5, 16}, 1)},
         {"c", randomFloats({2, 5, 6}, 2)},
         {"s", randomFloats({2, 5, 6}, 3)}});
}

static std::string eachCacheSource(llvm::StringRef ring) {
  return (R"mlir(
    func.func @f(%x: tensor<?x2x?x5xf32> {attn.name = "x", attn.dims = ["B", "", "L", ""]},
                 %cache: tensor<?x2x8x5xf32> {attn.name = "cache", attn.dims = ["B", "", "", ""]},
                 %p: tensor<?xi64> {attn.name = "p", attn.dims = ["B"]})
        -> (tensor<?x2x8x5xf32> {attn.name = "y"}) {
      %y = attn.cache_append ins(%x : tensor<?x2x?x5xf32>) outs(%cache : tensor<?x2x8x5xf32>) at(%p : tensor<?xi64>) )mlir" +
          ring + R"mlir( -> tensor<?x2x8x5xf32>
      return %y : tensor<?x2x8x5xf32>
    })mlir")
      .str();
}

TEST_P(DecomposedOps, CacheAppendAtPositionsOfTheirOwn) {
  check(eachCacheSource(""), {{"x", randomFloats({3, 2, 3, 5}, 1)},
                              {"cache", randomFloats({3, 2, 8, 5}, 2)},
                              {"p", integers({3}, {5, 0, 2})}});
  check(eachCacheSource("{ring}"), {{"x", randomFloats({3, 2, 3, 5}, 1)},
                                    {"cache", randomFloats({3, 2, 8, 5}, 2)},
                                    {"p", integers({3}, {23, 0, 14})}});
}

TEST_P(DecomposedOps, Dropout) {
  check(R"mlir(
    func.func @f(%x: tensor<3x?x21xf32> {attn.name = "x", attn.dims = ["", "L", ""]},
                 %s: tensor<i64> {attn.name = "s", attn.dims = []})
        -> (tensor<3x?x21xf32> {attn.name = "y"}) {
      %c1 = arith.constant 1 : index
      %l = tensor.dim %x, %c1 : tensor<3x?x21xf32>
      %seed = tensor.extract %s[] : tensor<i64>
      %e = tensor.empty(%l) : tensor<3x?x21xf32>
      %y = attn.dropout ins(%x : tensor<3x?x21xf32>) outs(%e : tensor<3x?x21xf32>) seed(%seed) {p = 0.3 : f64} -> tensor<3x?x21xf32>
      return %y : tensor<3x?x21xf32>
    })mlir",
        {{"x", randomFloats({3, 7, 21}, 1)}, {"s", integers({}, {1e15})}});
}

TEST_P(DecomposedOps, AttentionWithDropout) {
  check(R"mlir(
    func.func @f(%q: tensor<2x4x?x16xf32> {attn.name = "q", attn.dims = ["", "", "L", ""]},
                 %k: tensor<2x2x?x16xf32> {attn.name = "k", attn.dims = ["", "", "S", ""]},
                 %s: tensor<i64> {attn.name = "s", attn.dims = []})
        -> (tensor<2x4x?x16xf32> {attn.name = "y"}) {
      %c2 = arith.constant 2 : index
      %l = tensor.dim %q, %c2 : tensor<2x4x?x16xf32>
      %seed = tensor.extract %s[] : tensor<i64>
      %e = tensor.empty(%l) : tensor<2x4x?x16xf32>
      %y = attn.attention ins(%q, %k, %k : tensor<2x4x?x16xf32>, tensor<2x2x?x16xf32>, tensor<2x2x?x16xf32>)
          outs(%e : tensor<2x4x?x16xf32>) seed(%seed) {dropout = 0.3 : f64}
        mask {
        ^bb0(%b: index, %h: index, %i: index, %j: index):
          %p = arith.cmpi sge, %i, %j : index
          attn.yield %p : i1
        } -> tensor<2x4x?x16xf32>
      return %y : tensor<2x4x?x16xf32>
    })mlir",
        {{"q", randomFloats({2, 4, 9, 16}, 1)},
         {"k", randomFloats({2, 2, 13, 16}, 2)},
         {"s", integers({}, {7})}});
}

// Both ops write into one init, so a temporary has the size of the result.
TEST_P(DecomposedOps, ChainOverOneInit) {
  check(R"mlir(
    func.func @f(%x: tensor<2x?x37xf32> {attn.name = "x", attn.dims = ["", "L", ""]},
                 %s: tensor<i64> {attn.name = "s", attn.dims = []})
        -> (tensor<2x?x37xf32> {attn.name = "y"}) {
      %c1 = arith.constant 1 : index
      %l = tensor.dim %x, %c1 : tensor<2x?x37xf32>
      %seed = tensor.extract %s[] : tensor<i64>
      %e = tensor.empty(%l) : tensor<2x?x37xf32>
      %p = attn.softmax ins(%x : tensor<2x?x37xf32>) outs(%e : tensor<2x?x37xf32>) dim(2) -> tensor<2x?x37xf32>
      %y = attn.dropout ins(%p : tensor<2x?x37xf32>) outs(%e : tensor<2x?x37xf32>) seed(%seed) {p = 0.5 : f64} -> tensor<2x?x37xf32>
      return %y : tensor<2x?x37xf32>
    })mlir",
        {{"x", randomFloats({2, 5, 37}, 1)}, {"s", integers({}, {3})}});
}

INSTANTIATE_TEST_SUITE_P(Routes, DecomposedOps, ::testing::Values("fast", "reference"),
                         [](const auto &info) { return std::string(info.param); });
