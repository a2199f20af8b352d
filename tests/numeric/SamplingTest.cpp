// Emitted sampling against the definition: sort the logits, cut, and walk the rest in order.
#include "dialect/Philox.h"
#include "tests/numeric/KernelRunner.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>
#include <numeric>

using namespace fovea;
using namespace fovea::test;

namespace {
struct Options {
  float temperature = 1;
  int64_t topK = 0;
  float topP = 1, minP = 0;
  int64_t seed = 7;
};

class SamplingTest : public testing::Test {
protected:
  static void SetUpTestSuite() {
    auto compiled = KernelRunner::create(source("f32"), passes);
    ASSERT_TRUE(bool(compiled)) << llvm::toString(compiled.takeError());
    runner = std::make_unique<KernelRunner>(std::move(*compiled));
  }
  static void TearDownTestSuite() { runner.reset(); }

  static std::string source(llvm::StringRef type) {
    return llvm::formatv(R"(
      func.func @f(%logits: memref<?x?x{0}>, %ids: memref<?xi64>, %t: f32, %k: i64, %p: f32,
                   %m: f32, %seed: i64) {{
        attn.sample ins(%logits : memref<?x?x{0}>) outs(%ids : memref<?xi64>)
          temperature(%t) top_k(%k) top_p(%p) min_p(%m) seed(%seed)
        return
      })",
                         type);
  }

  template <typename T>
  static std::vector<int64_t> sampleWith(KernelRunner &runner, Buffer<T, 2> &logits,
                                         const Options &o) {
    Buffer<int64_t, 1> ids({logits.shape[0]}, -1);
    EXPECT_FALSE(bool(call(runner, "f", logits.descriptor(), ids.descriptor(), o.temperature,
                           o.topK, o.topP, o.minP, o.seed)));
    return ids.data;
  }
  static std::vector<int64_t> sample(Buffer<float, 2> &logits, const Options &o) {
    return sampleWith(*runner, logits, o);
  }
  static int64_t sampleRow(std::vector<float> row, const Options &o) {
    Buffer<float, 2> logits({1, int64_t(row.size())});
    logits.data = std::move(row);
    return sample(logits, o)[0];
  }

  static constexpr const char *passes = "attn-emit-sampling,attn-approximate-math";
  static std::unique_ptr<KernelRunner> runner;
};
std::unique_ptr<KernelRunner> SamplingTest::runner;
} // namespace

static constexpr float quietNan = std::numeric_limits<float>::quiet_NaN();
static constexpr float infinity = std::numeric_limits<float>::infinity();

/// What the limits keep, in order of ids.
static std::vector<int64_t> kept(const float *logits, int64_t count, const Options &o) {
  std::vector<int64_t> tokens;
  for (int64_t i = 0; i < count; ++i)
    if (!std::isnan(logits[i]))
      tokens.push_back(i);
  llvm::sort(tokens, [&](int64_t a, int64_t b) {
    return std::pair(-logits[a], a) < std::pair(-logits[b], b);
  });
  if (o.topK > 0 && o.topK < int64_t(tokens.size()))
    tokens.resize(o.topK);
  auto weight = [&](int64_t token) { return std::exp(double(logits[token]) - logits[tokens[0]]); };
  if (o.topP < 1) {
    double total = 0, reached = 0;
    for (int64_t token : tokens)
      total += weight(token);
    size_t n = 0;
    while (n < tokens.size() && (n == 0 || reached < o.topP * total))
      reached += weight(tokens[n++]);
    tokens.resize(n);
  }
  size_t n = 1;
  while (n < tokens.size() && weight(tokens[n]) >= o.minP)
    ++n;
  tokens.resize(n);
  llvm::sort(tokens);
  return tokens;
}

/// The drawn token must be kept, and its share of the running sum must hold the uniform number,
/// up to the error of exponentials in f32.
static void checkDraw(const float *logits, int64_t count, const Options &o, int64_t row,
                      int64_t drawn) {
  std::vector<int64_t> tokens = kept(logits, count, o);
  ASSERT_TRUE(llvm::is_contained(tokens, drawn)) << "drew " << drawn << " of row " << row;
  double largest = -infinity, total = 0;
  for (int64_t token : tokens)
    largest = std::max<double>(largest, logits[token]);
  auto weight = [&](int64_t token) { return std::exp((logits[token] - largest) / o.temperature); };
  double before = 0;
  for (int64_t token : tokens) {
    before += token < drawn ? weight(token) : 0;
    total += weight(token);
  }
  double uniform = philox::uniform(o.seed, row), slack = 1e-6;
  EXPECT_LE(before / total, uniform + slack) << "row " << row;
  EXPECT_GE((before + weight(drawn)) / total, uniform - slack) << "row " << row;
}

TEST_F(SamplingTest, AgreesWithDefinition) {
  std::mt19937 generator(3);
  for (int64_t count : {1, 2, 7, 8, 9, 100, 1003})
    for (Options o : {Options{}, Options{0.7f}, Options{1.3f, 5}, Options{1, 1},
                      Options{1, 0, 0.8f}, Options{1, 0, 0.0f}, Options{2, 20, 0.9f},
                      Options{1, 0, 1, 0.1f}, Options{1.5f, 40, 0.95f, 0.05f}, Options{1, 2000}}) {
      Buffer<float, 2> logits({8, count});
      fillRandom(logits.data, -6, 6, generator());
      o.seed = generator();
      std::vector<int64_t> ids = sample(logits, o);
      for (int64_t row = 0; row < 8; ++row)
        checkDraw(&logits.data[row * count], count, o, row, ids[row]);
    }
}

// Few distinct logits: limits cut through ties, of which the first are kept.
TEST_F(SamplingTest, TiesAreTakenInOrder) {
  std::mt19937 generator(5);
  for (Options o : {Options{1, 3}, Options{1, 10}, Options{1, 0, 0.5f}, Options{1, 17, 0.6f}}) {
    Buffer<float, 2> logits({64, 37});
    for (float &logit : logits.data)
      logit = float(generator() % 3);
    std::vector<int64_t> ids = sample(logits, o);
    for (int64_t row = 0; row < 64; ++row)
      checkDraw(&logits.data[row * 37], 37, o, row, ids[row]);
  }
}

TEST_F(SamplingTest, TokenThatCrossesIsKept) {
  // Four equal tokens: 0.5 is reached by exactly two, more than 0.5 by three.
  std::vector<bool> seen(4);
  for (int64_t seed = 0; seed < 200; ++seed)
    seen[sampleRow({0, 0, 0, 0}, {.topP = 0.5f, .seed = seed})] = true;
  EXPECT_EQ(seen, std::vector<bool>({true, true, false, false}));
  for (int64_t seed = 0; seed < 200; ++seed)
    seen[sampleRow({0, 0, 0, 0}, {.topP = 0.51f, .seed = seed})] = true;
  EXPECT_EQ(seen, std::vector<bool>({true, true, true, false}));
}

// Top-p keeps all that top-k kept of the ties, which are not all there are.
TEST_F(SamplingTest, TopPKeepsNoTieThatTopKLeftOut) {
  for (int64_t seed = 0; seed < 50; ++seed) {
    EXPECT_EQ(sampleRow({-1, 2, 2, -1, 2}, {.topK = 1, .topP = 0.9f, .seed = seed}), 1);
    EXPECT_LE(sampleRow({2, 2, 2, -1, 2}, {.topK = 2, .topP = 0.9f, .seed = seed}), 1);
  }
}

// No float lies between -0 and 0, so a threshold just below 0 is a negative number.
TEST_F(SamplingTest, AllTiesAtZeroAreKept) {
  for (float zero : {0.0f, -0.0f})
    for (Options o : {Options{.topP = 0.999f}, Options{.topK = 3}, Options{.topK = 3, .topP = 0.99f},
                      Options{.minP = 1}}) {
      std::vector<bool> seen(5);
      for (o.seed = 0; o.seed < 100; ++o.seed)
        seen[sampleRow({-80, zero, 0, -80, zero}, o)] = true;
      EXPECT_EQ(seen, std::vector<bool>({false, true, true, false, true}))
          << "top-k " << o.topK << ", top-p " << o.topP;
    }
}

TEST_F(SamplingTest, TemperatureZeroTakesTheFirstLargest) {
  EXPECT_EQ(sampleRow({1, 3, 2, 3, 0, 0, 0, 0, 3, 1}, {.temperature = 0}), 1);
  EXPECT_EQ(sampleRow({-1, -3, -0.5f}, {.temperature = 0}), 2);
  EXPECT_EQ(sampleRow({-0.0f, 0.0f}, {.temperature = 0}), 0);
}

TEST_F(SamplingTest, SmallestTemperatureTakesTheLargest) {
  for (float temperature : {1e-30f, 1e-39f, 0x1p-149f})
    for (int64_t seed = 0; seed < 20; ++seed)
      EXPECT_EQ(sampleRow({1, 2, 3, 2}, {.temperature = temperature, .seed = seed}), 2);
}

TEST_F(SamplingTest, NanIsNeverDrawn) {
  for (int64_t seed = 0; seed < 50; ++seed) {
    EXPECT_EQ(sampleRow({quietNan, 1, quietNan}, {.seed = seed}), 1);
    EXPECT_EQ(sampleRow({quietNan, -infinity, -20, quietNan}, {.topK = 3, .seed = seed}), 2);
    EXPECT_EQ(sampleRow({quietNan, 1, quietNan}, {.topP = 0.9f, .seed = seed}), 1);
  }
}

// Rows of many blocks: limits that keep few, half and most of them, spread and peaked, with ties
// that cross blocks.
TEST_F(SamplingTest, LongRowsAgreeWithDefinition) {
  std::mt19937 generator(11);
  for (float spread : {1.0f, 6.0f, 30.0f})
    for (float step : {0.0f, 0.25f})
      for (Options o : {Options{0.8f, 50}, Options{1, 3000}, Options{1, 0, 0.9f},
                        Options{1, 0, 0.3f}, Options{1.2f, 5000, 0.7f}, Options{1, 0, 0.9999f},
                        Options{1, 0, 1, 0.05f}, Options{0.9f, 300, 0.95f, 0.01f}}) {
        Buffer<float, 2> logits({2, 20011});
        fillRandom(logits.data, -spread, spread, generator());
        if (step > 0)
          for (float &logit : logits.data)
            logit = std::round(logit / step) * step;
        o.seed = generator();
        std::vector<int64_t> ids = sample(logits, o);
        for (int64_t row = 0; row < 2; ++row)
          checkDraw(&logits.data[row * 20011], 20011, o, row, ids[row]);
      }
}

TEST_F(SamplingTest, LargestAfterBlocksWithoutNumbers) {
  std::vector<float> row(1000, quietNan);
  row[700] = -infinity;
  EXPECT_EQ(sampleRow(row, {}), 700);
  row[900] = row[901] = 2;
  EXPECT_EQ(sampleRow(row, {.temperature = 0}), 900);
}

TEST_F(SamplingTest, RowsWithoutWeightsTakeTheFirst) {
  EXPECT_EQ(sampleRow({-infinity, -infinity, -infinity}, {}), 0);
  EXPECT_EQ(sampleRow({quietNan, quietNan}, {}), 0);
  EXPECT_EQ(sampleRow({0, infinity, infinity}, {.topK = 2, .topP = 0.5f}), 1);
}

TEST_F(SamplingTest, DoubleLogits) {
  auto compiled = KernelRunner::create(source("f64"), passes);
  ASSERT_TRUE(bool(compiled)) << llvm::toString(compiled.takeError());
  Buffer<double, 2> logits({1, 5});
  // Equal as f32.
  logits.data = {0, 1, 1 + 0x1p-40, 1, 0};
  EXPECT_EQ(sampleWith(*compiled, logits, {.topK = 1})[0], 2);
}
