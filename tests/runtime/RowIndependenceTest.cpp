// A row of a contraction has the same bits however many rows there are, wherever it stands, on any
// number of threads: chunks of a prompt and batches give what one run gives.
#include "runtime/Compile.h"
#include "tests/ErrorTesting.h"
#include "tests/TemporaryDirectory.h"
#include "llvm/Support/FormatVariadic.h"
#include <cstring>
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
  add("w", DataType::F32, {columns, depth});
  add("t", DataType::F32, {depth, columns});
  add("h", DataType::F16, {columns, depth});
  add("b", DataType::BF16, {depth, columns});
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

/// target, entry
class RowIndependenceTest
    : public ::testing::TestWithParam<std::tuple<const char *, const char *>> {};

TEST_P(RowIndependenceTest, RowsHaveTheirOwnBits) {
  auto [target, entry] = GetParam();
  TemporaryDirectory dir;
  auto graph = Graph::fromFile(dir.write("rows.fov", description), {}, "", entry);
  ASSERT_TRUE(succeeds(graph));
  std::vector<Executable> executables;
  for (unsigned threads : {1, 2}) {
    auto executable = compile(
        *graph, {.threads = threads, .weights = makeWeights(), .target = target, .optLevel = 1});
    ASSERT_TRUE(succeeds(executable));
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
    return llvm::cantFail(executable.run(inputs)).at("y");
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

static std::string
nameOf(const ::testing::TestParamInfo<std::tuple<const char *, const char *>> &info) {
  auto [target, entry] = info.param;
  return std::string(*target ? target : "native") + "_" + entry;
}

INSTANTIATE_TEST_SUITE_P(Routes, RowIndependenceTest,
                         ::testing::Combine(::testing::Values("", "avx2", "generic"),
                                            ::testing::Values("stored", "transposed", "half",
                                                              "brain", "narrow", "plain", "dots",
                                                              "biased")),
                         nameOf);
