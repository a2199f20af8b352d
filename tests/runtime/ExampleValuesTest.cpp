// What the examples compute, on the float64 reference executor: the numbers that the notebooks
// they come from print (four digits, hence the tolerance of half a unit in the last, plus what the
// four digits of the printed weights leave open), and the golden logits of a trained Llama.
#include "dialect/RegisterAll.h"
#include "frontend/Importer.h"
#include "frontend/WeightSource.h"
#include "runtime/Reference.h"
#include "llvm/Support/FileSystem.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace fovea;

namespace {

using Values = std::vector<double>;

// Inputs have two digits and are exact; outputs are rounded to four.
constexpr double printed = 0.5e-4 + 1e-9;
// The weights are rounded to four digits too; the sums over them stay below this.
constexpr double printedFromWeights = 2e-4;

const Values sentence = {0.43, 0.15, 0.89, 0.55, 0.87, 0.66, 0.57, 0.85, 0.64,
                         0.22, 0.58, 0.33, 0.77, 0.25, 0.10, 0.05, 0.80, 0.55};

class ExampleValuesTest : public testing::Test {
protected:
  void weight(llvm::StringRef name, llvm::ArrayRef<int64_t> sizes, const Values &values) {
    llvm::cantFail(
        weights->add(name, llvm::cantFail(Tensor::fromDoubles(DataType::F32, sizes, values))));
  }

  /// All results of an entry of an example.
  std::vector<Tensor> run(const std::string &example, const std::string &entry,
                          llvm::ArrayRef<TensorView> inputs = {}) {
    ImportOptions options;
    options.params = params;
    options.modelDirectory = modelDirectory;
    auto module = importFovFile(*context, FOVEA_SOURCE_DIR "/examples/" + example, options);
    if (!module) {
      ADD_FAILURE() << llvm::toString(module.takeError());
      return std::vector<Tensor>(4);
    }
    auto results = runReference(**module, entry, inputs, source.get());
    if (!results) {
      ADD_FAILURE() << llvm::toString(results.takeError());
      return std::vector<Tensor>(4);
    }
    return std::move(*results);
  }

  static Tensor floats(llvm::ArrayRef<int64_t> sizes, const Values &values) {
    return llvm::cantFail(Tensor::fromDoubles(DataType::F32, sizes, values));
  }

  static void expectNear(const Tensor &tensor, const Values &expected, double tolerance) {
    Values values = toDoubles(tensor);
    ASSERT_EQ(values.size(), expected.size());
    for (size_t i = 0; i < values.size(); ++i)
      EXPECT_NEAR(values[i], expected[i], tolerance) << "element " << i;
  }

  std::unique_ptr<mlir::MLIRContext> context = makeContext();
  std::shared_ptr<InMemoryWeights> weights = std::make_shared<InMemoryWeights>();
  std::shared_ptr<const WeightSource> source = weights;
  std::map<std::string, ParamValue> params;
  std::string modelDirectory;
};

} // namespace

TEST_F(ExampleValuesTest, Unfold) {
  std::vector<Tensor> results = run("unfold.fov", "sequence_windows");
  EXPECT_EQ(results[0].sizes(), llvm::ArrayRef<int64_t>({8, 3}));
  Values expected;
  for (int i = 1; i <= 8; ++i)
    expected.insert(expected.end(), {i + 0.0, i + 1.0, i + 2.0});
  expectNear(results[0], expected, 0);
}

TEST_F(ExampleValuesTest, PaddedKeyWindows) {
  Tensor sequence = floats({1, 10, 1}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  Tensor projection = floats({5, 1}, {1, 2, 3, 4, 5});
  std::vector<Tensor> results =
      run("unfold.fov", "key_windows", {sequence, projection, projection});
  EXPECT_EQ(results[0].sizes(), llvm::ArrayRef<int64_t>({1, 10, 5, 3}));
  EXPECT_EQ(results[1].sizes(), llvm::ArrayRef<int64_t>({1, 10, 5, 3}));
  EXPECT_EQ(results[0].at({0, 0, 1, 0}), 0); // The padding before the first position,
  EXPECT_EQ(results[0].at({0, 0, 1, 1}), 2); // the position itself,
  EXPECT_EQ(results[0].at({0, 9, 4, 2}), 0); // and the padding after the last.
}

TEST_F(ExampleValuesTest, SelfAttentionWalkthrough) {
  std::vector<Tensor> results = run("self_attention_walkthrough.fov", "walkthrough");
  expectNear(results[0], {0.9995, 0.9544, 0.9422, 0.4753, 0.4576, 0.6310, 0.9544, 1.4950, 1.4754,
                          0.8434, 0.7070, 1.0865, 0.9422, 1.4754, 1.4570, 0.8296, 0.7154, 1.0605,
                          0.4753, 0.8434, 0.8296, 0.4937, 0.3474, 0.6565, 0.4576, 0.7070, 0.7154,
                          0.3474, 0.6654, 0.2935, 0.6310, 1.0865, 1.0605, 0.6565, 0.2935, 0.9450},
             printed);
  expectNear(results[1], {0.2098, 0.2006, 0.1981, 0.1242, 0.1220, 0.1452, 0.1385, 0.2379, 0.2333,
                          0.1240, 0.1082, 0.1581, 0.1390, 0.2369, 0.2326, 0.1242, 0.1108, 0.1565,
                          0.1435, 0.2074, 0.2046, 0.1462, 0.1263, 0.1720, 0.1526, 0.1958, 0.1975,
                          0.1367, 0.1879, 0.1295, 0.1385, 0.2184, 0.2128, 0.1420, 0.0988, 0.1896},
             printed);
  expectNear(results[2],
             {0.4421, 0.5931, 0.5790, 0.4419, 0.6515, 0.5683, 0.4431, 0.6496, 0.5671, 0.4304,
              0.6298, 0.5510, 0.4671, 0.5910, 0.5266, 0.4177, 0.6503, 0.5645},
             printed);
}

TEST_F(ExampleValuesTest, SecondWord) {
  std::vector<Tensor> results =
      run("self_attention_walkthrough.fov", "second_word", {floats({6, 3}, sentence)});
  expectNear(results[0], {0.9544, 1.4950, 1.4754, 0.8434, 0.7070, 1.0865}, printed);
  expectNear(results[1], {0.1455, 0.2278, 0.2249, 0.1285, 0.1077, 0.1656}, printed);
  expectNear(results[2], {0.1385, 0.2379, 0.2333, 0.1240, 0.1082, 0.1581}, printed);
  expectNear(results[3], {0.4419, 0.6515, 0.5683}, printed);
}

TEST_F(ExampleValuesTest, SelfAttentionV1) {
  weight("W_query", {3, 2}, {0.2961, 0.5166, 0.2517, 0.6886, 0.0740, 0.8665});
  weight("W_key", {3, 2}, {0.1366, 0.1025, 0.1841, 0.7264, 0.3153, 0.6871});
  weight("W_value", {3, 2}, {0.0756, 0.1966, 0.3164, 0.4017, 0.1186, 0.8274});
  std::vector<Tensor> results =
      run("self_attention_v1.fov", "self_attention_v1", {floats({6, 3}, sentence)});
  expectNear(results[0],
             {0.2996, 0.8053, 0.3061, 0.8210, 0.3058, 0.8203, 0.2948, 0.7939, 0.2927, 0.7891,
              0.2990, 0.8040},
             printedFromWeights);
}

namespace {
class LinearLayers : public ExampleValuesTest {
protected:
  void SetUp() override {
    weight("weight_query.weight", {2, 3}, {0.3161, 0.4568, 0.5118, -0.1683, -0.3379, -0.0918});
    weight("weight_key.weight", {2, 3}, {0.4058, -0.4704, 0.2368, 0.2134, -0.2601, -0.5105});
    weight("weight_value.weight", {2, 3}, {0.2526, -0.1415, -0.1962, 0.5191, -0.0852, -0.2043});
  }

  const Values causalWeights = {
      1.0000, 0,      0,      0,      0,      0, 0.5517, 0.4483, 0,      0,      0,      0,
      0.3800, 0.3097, 0.3103, 0,      0,      0, 0.2758, 0.2460, 0.2462, 0.2319, 0,      0,
      0.2175, 0.1983, 0.1984, 0.1888, 0.1971, 0, 0.1935, 0.1663, 0.1666, 0.1542, 0.1666, 0.1529};
};
} // namespace

TEST_F(LinearLayers, SelfAttentionV2) {
  std::vector<Tensor> results =
      run("self_attention_v2.fov", "self_attention_v2", {floats({6, 3}, sentence)});
  expectNear(results[0],
             {-0.0739, 0.0713, -0.0748, 0.0703, -0.0749, 0.0702, -0.0760, 0.0685, -0.0763, 0.0679,
              -0.0754, 0.0693},
             printedFromWeights);
}

TEST_F(LinearLayers, CausalAttentionBothWays) {
  for (const char *entry : {"causal_renormalized", "causal_masked"})
    expectNear(run("causal_attention.fov", entry, {floats({6, 3}, sentence)})[1], causalWeights,
               printedFromWeights);
}

// Where padding keys are masked, windows written by hand are windows written as a mask.
TEST_F(ExampleValuesTest, SlidingWindowsBothWays) {
  params = {{"H", int64_t(2)}, {"E", int64_t(8)}, {"W", int64_t(5)}};
  auto numbers = [](size_t count, double step) {
    Values values;
    for (size_t i = 0; i < count; ++i)
      values.push_back(std::sin(step * static_cast<double>(i)));
    return values;
  };
  for (const char *name : {"wq", "wk", "wv", "wo"})
    weight(name, {8, 8}, numbers(64, 1.1 + name[1]));
  Tensor x = floats({1, 12, 8}, numbers(96, 0.7));
  Values masked = toDoubles(run("sliding_window_mask.fov", "sliding_window_mha", {x})[0]);
  params["mask_padding"] = true;
  Tensor unfolded = std::move(run("sliding_window_unfold.fov", "sliding_window_mha", {x})[0]);
  expectNear(unfolded, masked, 1e-12);
  // Unmasked, the edges differ (their zero keys take part) and the middle does not.
  params["mask_padding"] = false;
  Values open = toDoubles(run("sliding_window_unfold.fov", "sliding_window_mha", {x})[0]);
  for (size_t row : {0u, 1u, 10u, 11u})
    EXPECT_GT(std::abs(open[row * 8] - masked[row * 8]), 1e-6) << "row " << row;
  for (size_t row = 2; row < 10; ++row)
    EXPECT_NEAR(open[row * 8], masked[row * 8], 1e-12) << "row " << row;
}

// A row that is masked everywhere with -1e9 has uniform weights.
TEST_F(ExampleValuesTest, ScaledDotProductFullyMasked) {
  params = {{"D", int64_t(4)}};
  Values numbers(12);
  for (size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = 0.3 * static_cast<double>(i) - 1;
  Tensor q = floats({3, 4}, numbers);
  Tensor mask = llvm::cantFail(
      Tensor::fromDoubles(DataType::Bool, {3, 3}, Values{1, 1, 1, 0, 1, 1, 0, 0, 0}));
  std::vector<Tensor> results = run("scaled_dot_product.fov", "attend_masked_2d", {q, q, q, mask});
  Values weights = toDoubles(results[1]);
  for (size_t j = 0; j < 3; ++j)
    EXPECT_NEAR(weights[j], 1.0 / 3, 1e-6);
  EXPECT_EQ(weights[3], 1);
  EXPECT_EQ(weights[4], 0);
}

// Decoding a prefix and then single tokens through the caches gives the logits of one pass.
TEST_F(ExampleValuesTest, LlamaDecodesWhatOnePassComputes) {
  modelDirectory = FOVEA_SOURCE_DIR "/tests/frontend/Inputs/llama";
  params = {{"C", int64_t(8)}};
  const int64_t E = 32, F = 48, N = 3, G = 2, D = 8, V = 64, C = 8;
  unsigned seed = 0;
  auto random = [&](llvm::StringRef name, llvm::ArrayRef<int64_t> sizes) {
    Values values(sizes.size() == 2 ? sizes[0] * sizes[1] : sizes[0]);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = 0.5 * std::sin(1.7 * static_cast<double>(i) + ++seed);
    weight(name, sizes, values);
  };
  random("model.embed_tokens.weight", {V, E});
  random("model.norm.weight", {E});
  random("lm_head.weight", {V, E});
  for (int64_t n = 0; n < N; ++n) {
    std::string layer = "model.layers." + std::to_string(n) + ".";
    for (const char *norm : {"input_layernorm", "post_attention_layernorm"})
      random(layer + norm + ".weight", {E});
    for (const char *name : {"q_proj", "o_proj"})
      random(layer + "self_attn." + name + ".weight", {E, E});
    for (const char *name : {"k_proj", "v_proj"})
      random(layer + "self_attn." + name + ".weight", {G * D, E});
    for (const char *name : {"gate_proj", "up_proj"})
      random(layer + "mlp." + name + ".weight", {F, E});
    random(layer + "mlp.down_proj.weight", {E, F});
  }
  auto ids = [](const Values &values) {
    return llvm::cantFail(
        Tensor::fromDoubles(DataType::I64, {1, static_cast<int64_t>(values.size())}, values));
  };
  Values whole = toDoubles(run("llama.fov", "forward", {ids({5, 9, 1, 40, 63})})[0]);
  Tensor keys = floats({N, 1, G, C, D}, Values(N * G * C * D));
  Tensor values = llvm::cantFail(keys.clone());
  int64_t position = 0;
  for (const Values &step : {Values{5, 9, 1}, Values{40}, Values{63}}) {
    Tensor at = llvm::cantFail(Tensor::fromDoubles(DataType::I64, {}, {double(position)}));
    std::vector<Tensor> results = run("llama.fov", "decode", {ids(step), at, keys, values});
    position += static_cast<int64_t>(step.size());
    Values last(whole.begin() + (position - 1) * V, whole.begin() + position * V);
    expectNear(results[0], last, 1e-9);
    keys = std::move(results[1]);
    values = std::move(results[2]);
  }
}

// The golden logits come from a float64 implementation; the weights are exact in float32, so all
// that differs is the rounding of the stored logits to float32.
TEST_F(ExampleValuesTest, LlamaGoldenLogits) {
  modelDirectory = FOVEA_SOURCE_DIR "/../shared/data/stories260k";
  if (!llvm::sys::fs::exists(modelDirectory + "/golden.safetensors"))
    GTEST_SKIP() << "no " << modelDirectory;
  source = llvm::cantFail(openWeights(modelDirectory));
  auto golden = llvm::cantFail(openWeights(modelDirectory + "/golden.safetensors"));
  Tensor ids(llvm::cantFail(Tensor::fromDoubles(DataType::I64, golden->find("input_ids")->sizes(),
                                                toDoubles(*golden->find("input_ids")))));
  Values logits = toDoubles(run("llama.fov", "forward", {ids})[0]);
  Values expected = toDoubles(*golden->find("logits"));
  ASSERT_EQ(logits.size(), expected.size());
  double largest = 0, difference = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    largest = std::max(largest, std::abs(expected[i]));
    difference = std::max(difference, std::abs(expected[i] - logits[i]));
  }
  EXPECT_LE(difference, 1e-5 * largest);
}
