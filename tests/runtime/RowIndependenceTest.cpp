// A row of a contraction has the same bits however many rows there are, wherever it stands, on any
// number of threads: chunks of a prompt and batches give what one run gives.
#include "runtime/CodeGen.h"
#include "runtime/Compile.h"
#include "runtime/QuantizedWeights.h"
#include "runtime/Reference.h"
#include "tests/ErrorTesting.h"
#include "tests/TemporaryDirectory.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Target/TargetMachine.h"
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

using namespace fovea;
using namespace fovea::testing;

/// Two blocks of the depth, the second not whole; neither panels nor tasks divide the columns.
static constexpr int64_t depth = 301, columns = 140, allRows = 600;

static const char description[] = R"(
def stored(x: f32[B, M, 301], w: weight[140, 301]):
    return y=linear(x, w)

def transposed(x: f32[B, M, 301], w: weight("t")[301, 140]):
    return y=x @ w

def half(x: f32[B, M, 301], w: weight("h")[f16][140, 301]):
    return y=linear(x, to(w, f32))

def brain(x: f32[B, M, 301], w: weight("b")[bf16][301, 140]):
    return y=x @ to(w, f32)

def narrow(x: f16[B, M, 301], w: weight("h")[f16][140, 301]):
    return y=linear(x, w)

def plain(x: f32[B, M, 301], w: f32[301, 140]):
    return y=x @ w

def dots(x: f32[B, M, 301], w: f32[140, 301]):
    return y=linear(x, w)

def biased(x: f32[B, M, 301], w: weight[140, 301], c: f32[140]):
    return y=gelu(linear(x, w, c))

def gated(x: f32[B, M, 301], w: weight[140, 301], v: weight[140, 301]):
    return y=silu(linear(x, w)) * linear(x, v)

def gated_narrow(x: f16[B, M, 301], h: weight[f16][140, 301], i: weight[f16][140, 301]):
    return y=silu(linear(x, h)) * linear(x, i)

def windows(x: f32[B, M, 301], w: weight("c")[140, 301, 1]):
    return y=einsum("bmct,oct->bmo", unfold(x, 1, 1), w)

def convolution(x: f32[B, L, 30], w: f32[70, 30, 3]):
    return y=einsum("blct,oct->blo", unfold(x, 1, 3), w)
)";

static Tensor randomTensor(DataType type, llvm::ArrayRef<int64_t> sizes, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  Tensor tensor = llvm::cantFail(Tensor::create(type, sizes));
  auto *data = tensor.dataAs<char>();
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    storeElement(type, data + i * sizeOf(type), normal(random));
  return tensor;
}

static std::shared_ptr<InMemoryWeights> makeWeights() {
  auto weights = std::make_shared<InMemoryWeights>();
  auto add = [&](const char *name, DataType type, llvm::ArrayRef<int64_t> sizes) {
    llvm::cantFail(weights->add(name, randomTensor(type, sizes, name[0])));
  };
  for (const char *name : {"w", "v"})
    add(name, DataType::F32, {columns, depth});
  add("t", DataType::F32, {depth, columns});
  for (const char *name : {"h", "i"})
    add(name, DataType::F16, {columns, depth});
  add("b", DataType::BF16, {depth, columns});
  add("c", DataType::F32, {columns, depth, 1});
  return weights;
}

/// Rows begin ... begin + count - 1 of one batch.
static TensorView rowsOf(const Tensor &tensor, int64_t begin, int64_t count) {
  TensorView view = tensor.view();
  const char *data =
      static_cast<const char *>(view.data()) + begin * view.strides()[1] * sizeOf(view.dataType());
  return TensorView(data, view.dataType(), {1, count, view.sizes()[2]});
}

static bool sameBits(const Tensor &got, const TensorView &expected) {
  TensorView view = got.view();
  return view.numBytes() == expected.numBytes() &&
         std::memcmp(view.data(), expected.data(), view.numBytes()) == 0;
}

/// target, format of the weights, entry
using Choice = std::tuple<const char *, const char *, const char *>;
class RowIndependenceTest : public ::testing::TestWithParam<Choice> {};

TEST_P(RowIndependenceTest, RowsHaveTheirOwnBits) {
  auto [target, format, entry] = GetParam();
  auto machine = createTargetMachine("", "native", /*optLevel=*/1);
  ASSERT_TRUE(succeeds(machine));
  if (auto chosen = chooseTarget(**machine, target); !chosen)
    GTEST_SKIP() << llvm::toString(chosen.takeError());
  TemporaryDirectory dir;
  auto graph = Graph::fromFile(dir.write("rows.fov", description), {}, "", entry);
  ASSERT_TRUE(succeeds(graph));
  std::vector<Executable> executables;
  for (unsigned threads : {1, 2}) {
    auto executable = compile(*graph, {.threads = threads,
                                       .weights = makeWeights(),
                                       .target = target,
                                       .quantize = format,
                                       .optLevel = 1});
    ASSERT_TRUE(succeeds(executable));
    ASSERT_EQ(hasQuantizedWeights(executable->weights()), *format != 0);
    executables.push_back(std::move(*executable));
  }
  const EntrySignature &signature = executables[0].entries()[0];
  Tensor x = randomTensor(signature.inputs[0].type, {1, allRows, depth}, 1);
  std::vector<Tensor> others; // inputs after the first
  for (size_t i = 1; i < signature.inputs.size(); ++i) {
    llvm::SmallVector<int64_t> sizes;
    for (const DimSpec &dim : signature.inputs[i].dims)
      sizes.push_back(*dim.size);
    others.push_back(randomTensor(signature.inputs[i].type, sizes, 1 + i));
  }
  auto run = [&](const Executable &executable, const TensorView &rows) {
    std::vector<NamedView> inputs = {{"x", rows}};
    for (auto [i, tensor] : llvm::enumerate(others))
      inputs.emplace_back(signature.inputs[i + 1].name, tensor.view());
    return std::move(llvm::cantFail(executable.run(inputs)).at("y"));
  };

  Tensor all = run(executables[0], x);
  for (const Executable &executable : executables)
    for (int64_t rows : {1, 2, 3, 5, 7, 8, 9, 16, 17, 100, 600})
      for (int64_t begin : {int64_t(0), allRows - rows})
        EXPECT_TRUE(sameBits(run(executable, rowsOf(x, begin, rows)), rowsOf(all, begin, rows)))
            << rows << " rows from " << begin << " on, threads: " << executable.threads();
  // The same rows as batches of ten.
  Tensor batches = run(executables[1], TensorView(x.data(), x.dataType(), {60, 10, depth}));
  EXPECT_TRUE(sameBits(batches, all)) << "in batches";
}

static std::string nameOf(const ::testing::TestParamInfo<Choice> &info) {
  auto [target, format, entry] = info.param;
  std::string name = std::string(*target ? target : "native") + "_";
  return name + (*format ? std::string(format) + "_" : "") + entry;
}

INSTANTIATE_TEST_SUITE_P(
    Routes, RowIndependenceTest,
    ::testing::Combine(::testing::Values("", "avx2", "generic"), ::testing::Values(""),
                       ::testing::Values("stored", "transposed", "half", "brain", "narrow", "plain",
                                         "dots", "biased", "gated", "gated_narrow", "windows")),
    nameOf);
// Narrow weights are widened once for many rows, or by each tile.
INSTANTIATE_TEST_SUITE_P(Widening, RowIndependenceTest,
                         ::testing::Combine(::testing::Values("avx512", "zen4"),
                                            ::testing::Values(""),
                                            ::testing::Values("half", "brain", "narrow")),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Quantized, RowIndependenceTest,
                         ::testing::Combine(::testing::Values("", "avx2", "generic"),
                                            ::testing::Values("q8", "q4"),
                                            ::testing::Values("stored", "transposed", "brain",
                                                              "narrow", "biased", "gated",
                                                              "gated_narrow")),
                         nameOf);

/// Places of a convolution have the bits that they have in a batch, in a longer line and on any
/// number of threads.
TEST(ConvolutionTest, PlacesHaveTheirOwnBits) {
  constexpr int64_t batch = 3, length = 402, channels = 30, taps = 3;
  TemporaryDirectory dir;
  auto graph = Graph::fromFile(dir.write("rows.fov", description), {}, "", "convolution");
  ASSERT_TRUE(succeeds(graph));
  Tensor x = randomTensor(DataType::F32, {batch, length, channels}, 1);
  Tensor w = randomTensor(DataType::F32, {70, channels, taps}, 2);
  std::optional<Tensor> all;
  for (unsigned threads : {1, 2}) {
    auto executable = compile(*graph, {.threads = threads, .optLevel = 1});
    ASSERT_TRUE(succeeds(executable));
    auto run = [&](const TensorView &lines) {
      std::vector<NamedView> inputs = {{"x", lines}, {"w", w.view()}};
      return std::move(llvm::cantFail(executable->run(inputs)).at("y"));
    };
    if (!all)
      all = run(x);
    EXPECT_TRUE(sameBits(run(x), *all));
    for (int64_t places : {1, 2, 8, 9, 17, 100, 400})
      EXPECT_TRUE(sameBits(run(rowsOf(x, 400 - places, places + taps - 1)),
                           rowsOf(*all, 400 - places, places)))
          << places << " places, threads: " << threads;
  }
}

//===----------------------------------------------------------------------===//
// Quantised weights: how far off
//===----------------------------------------------------------------------===//

class QuantizedProductTest : public ::testing::TestWithParam<Choice> {};

/// Against float64 on the values that the weights stand for. A row's elements are off by up to
/// 2^-16 of the largest of 32, about 2.1 deviations: of sums of 301 products by 2.1 * 2^-16 /
/// sqrt(3) = 1.9e-5 of their deviation on average, which 600 x 140 of them exceed up to fivefold.
TEST_P(QuantizedProductTest, IsNearTheReference) {
  auto [target, format, entry] = GetParam();
  TemporaryDirectory dir;
  auto graph = Graph::fromFile(dir.write("rows.fov", description), {}, "", entry);
  ASSERT_TRUE(succeeds(graph));
  auto weights = makeWeights();
  auto executable =
      compile(*graph, {.weights = weights, .target = target, .quantize = format, .optLevel = 1});
  ASSERT_TRUE(succeeds(executable));
  auto values = withQuantizedWeights(weights, executable->weights());
  ASSERT_TRUE(succeeds(values));
  for (int64_t rows : {1, 3, 8, 33}) {
    Tensor x = randomTensor(DataType::F32, {2, rows, depth}, 1);
    Tensor y = std::move(llvm::cantFail(executable->run({{"x", x.view()}})).at("y"));
    auto expected = runReference(graph->module(), entry, x.view(), values->get());
    ASSERT_TRUE(succeeds(expected));
    std::vector<double> got = toDoubles(y), want = toDoubles(expected->front());
    double squares = 0;
    for (double value : want)
      squares += value * value;
    double deviation = std::sqrt(squares / want.size());
    for (size_t i = 0; i < want.size(); ++i)
      ASSERT_NEAR(got[i], want[i], 5 * 1.9e-5 * deviation) << i << " of " << rows << " rows";
  }
}

INSTANTIATE_TEST_SUITE_P(
    Quantized, QuantizedProductTest,
    ::testing::Combine(::testing::Values("", "avx2", "generic"), ::testing::Values("q8", "q4"),
                       ::testing::Values("stored", "transposed", "half", "brain")),
    nameOf);

/// quantized_s3: what is no number stays none, in its row alone.
TEST(QuantizedRowsTest, RowsWithoutNumbers) {
  TemporaryDirectory dir;
  auto graph = Graph::fromFile(dir.write("rows.fov", description), {}, "", "stored");
  ASSERT_TRUE(succeeds(graph));
  auto executable = compile(*graph, {.weights = makeWeights(), .quantize = "q8"});
  ASSERT_TRUE(succeeds(executable));
  Tensor x = randomTensor(DataType::F32, {1, 4, depth}, 1);
  float *elements = x.dataAs<float>();
  elements[7] = std::nanf("");
  elements[2 * depth + 300] = -std::numeric_limits<float>::infinity();
  std::fill_n(elements + 3 * depth, depth, 0.0F);
  Tensor y = std::move(llvm::cantFail(executable->run({{"x", x.view()}})).at("y"));
  for (int64_t n = 0; n < columns; ++n) {
    EXPECT_TRUE(std::isnan(y.dataAs<float>()[n]));
    EXPECT_TRUE(std::isfinite(y.dataAs<float>()[columns + n]));
    EXPECT_FALSE(std::isfinite(y.dataAs<float>()[2 * columns + n]));
    EXPECT_EQ(y.dataAs<float>()[3 * columns + n], 0);
  }
}

TEST(QuantizedRowsTest, UnknownFormats) {
  TemporaryDirectory dir;
  auto graph = Graph::fromFile(dir.write("rows.fov", description), {}, "", "stored");
  ASSERT_TRUE(succeeds(graph));
  EXPECT_TRUE(failsWith(compile(*graph, {.weights = makeWeights(), .quantize = "q5"}),
                        "expected weights to be quantised as q8 or q4, got 'q5'"));
  EXPECT_TRUE(
      failsWith(compile(*graph, {.weights = makeWeights(), .route = "reference", .quantize = "q8"}),
                "the reference route has no quantised weights"));
}
