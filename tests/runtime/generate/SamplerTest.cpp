// Draws against exact probabilities, and what penalties do to logits.
#include "runtime/generate/Sampler.h"
#include "tests/runtime/generate/ModelTesting.h"
#include <cmath>

using namespace fovea;
using namespace fovea::testing;

namespace {
/// The sampling entries of some model; they do not depend on which.
class SamplerTest : public ::testing::Test {
protected:
  static void SetUpTestSuite() { model = new LanguageModel(load("qwen3")); }
  static void TearDownTestSuite() { delete model; }
  static LanguageModel *model;

  static std::vector<TokenId> draw(const SamplingOptions &options, std::vector<float> logits,
                                   int count, llvm::ArrayRef<TokenId> accepted = {}) {
    // The rest of the vocabulary is never drawn.
    int64_t size = model->vocabularySize();
    logits.resize(size, -INFINITY);
    Sampler sampler = llvm::cantFail(Sampler::create(options, size));
    for (TokenId token : accepted)
      sampler.accept(token);
    std::vector<TokenId> tokens;
    for (int i = 0; i < count; ++i) {
      auto token = sampler.sample(model->executable(), TensorView(logits.data(), {1, size}));
      if (!token) {
        ADD_FAILURE() << llvm::toString(token.takeError());
        break;
      }
      tokens.push_back(*token);
    }
    return tokens;
  }
};
LanguageModel *SamplerTest::model = nullptr;
} // namespace

static SamplingOptions plain() {
  SamplingOptions options;
  options.temperature = 1;
  options.topK = 0;
  options.topP = 1;
  options.minP = 0;
  return options;
}

/// The statistic of Pearson's test; 0 for tokens that are never expected and never drawn.
static double chiSquared(llvm::ArrayRef<TokenId> tokens, llvm::ArrayRef<double> probabilities) {
  std::vector<int> counts(probabilities.size());
  for (TokenId token : tokens)
    ++counts.at(token);
  double sum = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    double expected = probabilities[i] * static_cast<double>(tokens.size());
    if (expected == 0)
      EXPECT_EQ(counts[i], 0) << "token " << i;
    else
      sum += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  return sum;
}

static std::vector<double> softmax(llvm::ArrayRef<double> logits) {
  std::vector<double> p;
  double sum = 0;
  for (double logit : logits)
    sum += p.emplace_back(std::exp(logit));
  for (double &x : p)
    x /= sum;
  return p;
}

// The 0.9999 quantile of the chi-squared distribution for 4 degrees of freedom is 23.5, for 2 it is
// 18.4: the seeds are fixed, so a test that passes once passes always.
static const std::vector<float> five = {0.5f, -1, 2, 1, 0};

TEST_F(SamplerTest, TemperatureScalesLogits) {
  SamplingOptions options = plain();
  options.temperature = 0.7f;
  std::vector<double> scaled;
  for (float logit : five)
    scaled.push_back(logit / 0.7);
  EXPECT_LT(chiSquared(draw(options, five, 5000), softmax(scaled)), 23.5);
}

TEST_F(SamplerTest, TopKKeepsTheLikeliest) {
  SamplingOptions options = plain();
  options.topK = 3;
  std::vector<double> p = softmax({0.5, -INFINITY, 2, 1, -INFINITY});
  EXPECT_LT(chiSquared(draw(options, five, 5000), p), 18.4);
}

TEST_F(SamplerTest, TopPKeepsTheTokenThatCrosses) {
  SamplingOptions options = plain();
  // The two likeliest have 0.56 and 0.21, the third 0.12.
  options.topP = 0.8f;
  std::vector<double> p = softmax({0.5, -INFINITY, 2, 1, -INFINITY});
  EXPECT_LT(chiSquared(draw(options, five, 5000), p), 18.4);
}

TEST_F(SamplerTest, MinPIsRelativeToTheLikeliest) {
  SamplingOptions options = plain();
  options.minP = 0.2f; // exp(-1.5) = 0.22 of the likeliest is kept, exp(-2) = 0.135 is not
  std::vector<double> p = softmax({0.5, -INFINITY, 2, 1, -INFINITY});
  EXPECT_LT(chiSquared(draw(options, five, 5000), p), 18.4);
}

// Logits that a notebook prints for top-k with a temperature. The 0.9999 quantile for 3 degrees of
// freedom is 21.1, for 6 it is 27.9.
TEST_F(SamplerTest, TopKWithTemperatureOfTheNotebook) {
  const std::vector<float> logits = {-0.6873f, 1.4680f,  -0.7663f, -1.4046f, 1.1832f,
                                     -0.7543f, -0.8169f, -0.4600f, -1.1718f, -1.1229f};
  SamplingOptions options = plain();
  options.temperature = 0.8f;
  options.topK = 4;
  std::vector<double> scaled(logits.size(), -INFINITY);
  for (TokenId kept : {1, 4, 7, 0})
    scaled[kept] = logits[kept] / 0.8;
  EXPECT_LT(chiSquared(draw(options, logits, 5000), softmax(scaled)), 21.1);
  options.temperature = 0;
  EXPECT_EQ(draw(options, logits, 1), std::vector<TokenId>{1});
}

// The same for nucleus sampling with p = 0.9: the sums of its sorted probabilities are 0.2274,
// 0.4383, 0.5755, 0.6908, 0.7889, 0.8612, 0.9192, so seven tokens stay.
TEST_F(SamplerTest, NucleusOfTheNotebook) {
  const std::vector<float> logits = {0.9664f,  -0.3994f, 0.4614f, 0.1262f,  -1.2610f,
                                     -0.1792f, -1.5057f, 0.2874f, -0.8468f, 0.8910f};
  SamplingOptions options = plain();
  options.topP = 0.9f;
  std::vector<double> kept(logits.begin(), logits.end());
  for (TokenId dropped : {8, 4, 6})
    kept[dropped] = -INFINITY;
  EXPECT_LT(chiSquared(draw(options, logits, 5000), softmax(kept)), 27.9);
}

TEST_F(SamplerTest, TiesOnTheEdgeOfTheNucleusAreKeptLowestIdFirst) {
  SamplingOptions options = plain();
  options.topP = 0.5f;
  // Four tokens of 0.25 each: the second reaches 0.5.
  std::vector<double> p = {0, 0.5, 0.5, 0, 0};
  EXPECT_LT(chiSquared(draw(options, {-INFINITY, 2, 2, 2, 2}, 2000), p), 15.2);
  // As likely as min-p asks for is likely enough.
  options.topP = 1;
  options.minP = 1;
  EXPECT_LT(chiSquared(draw(options, {1, 2, 1, 2, 0}, 2000), {0, 0.5, 0, 0.5, 0}), 15.2);
}

TEST_F(SamplerTest, TiesAreTakenLowestIdFirst) {
  SamplingOptions options = plain();
  options.topK = 2;
  std::vector<float> ties = {1, 3, 1, 1};
  for (TokenId token : draw(options, ties, 200))
    EXPECT_LT(token, 2);
  options.temperature = 0;
  EXPECT_EQ(draw(options, {1, 3, 3, 0}, 1), std::vector<TokenId>{1});
}

TEST_F(SamplerTest, SameSeedSameTokens) {
  SamplingOptions options = plain();
  options.seed = 7;
  std::vector<TokenId> tokens = draw(options, five, 64);
  EXPECT_EQ(draw(options, five, 64), tokens);
  options.seed = 8;
  EXPECT_NE(draw(options, five, 64), tokens);
}

TEST_F(SamplerTest, PenaltiesAreThoseOfLlamaCpp) {
  SamplingOptions options = plain();
  options.repeatPenalty = 1.5f;
  options.frequencyPenalty = 0.25f;
  options.presencePenalty = 0.5f;
  // Token 2 came twice, token 1 once: positive logits are divided, negative ones multiplied.
  std::vector<double> p = softmax({0.5, -1 * 1.5 - 0.25 - 0.5, 2 / 1.5 - 2 * 0.25 - 0.5, 1, 0});
  EXPECT_LT(chiSquared(draw(options, five, 5000, {2, 1, 2}), p), 23.5);
}

TEST_F(SamplerTest, PenaltiesForgetOldTokens) {
  SamplingOptions options = plain();
  options.presencePenalty = 10;
  options.repeatLastN = 2;
  options.temperature = 0;
  EXPECT_EQ(draw(options, five, 1, {2, 3, 0}), std::vector<TokenId>{2});
  EXPECT_EQ(draw(options, five, 1, {3, 2}), std::vector<TokenId>{0});
  options.repeatLastN = 0;
  EXPECT_EQ(draw(options, five, 1, {2}), std::vector<TokenId>{2});
}

TEST_F(SamplerTest, BiasComesBeforePenalties) {
  SamplingOptions options = plain();
  options.logitBias = {{1, 4}, {2, -INFINITY}};
  options.repeatPenalty = 2;
  // -1 + 4 = 3, divided by 2; without the bias -1 would be doubled.
  std::vector<double> p = softmax({0.5, 1.5, -INFINITY, 1, 0});
  EXPECT_LT(chiSquared(draw(options, five, 5000, {1}), p), 21.1);
}

TEST_F(SamplerTest, OptionsOutOfRange) {
  auto error = [](auto change) {
    SamplingOptions options = plain();
    change(options);
    return Sampler::create(options, 5).takeError();
  };
  EXPECT_TRUE(failsWith(error([](auto &o) { o.temperature = -1; }),
                        "temperature to be finite and at least 0, got -1"));
  EXPECT_TRUE(failsWith(error([](auto &o) { o.temperature = INFINITY; }),
                        "temperature to be finite and at least 0, got inf"));
  EXPECT_TRUE(failsWith(error([](auto &o) { o.topK = -1; }), "top-k to be at least 0"));
  EXPECT_TRUE(failsWith(error([](auto &o) { o.topP = 1.5f; }), "top-p to be from 0 to 1"));
  EXPECT_TRUE(failsWith(error([](auto &o) { o.minP = NAN; }), "min-p to be from 0 to 1"));
  EXPECT_TRUE(failsWith(error([](auto &o) { o.repeatPenalty = 0; }),
                        "repeat penalty to be finite and above 0, got 0"));
  EXPECT_TRUE(failsWith(error([](auto &o) { o.logitBias = {{5, 1.0f}}; }), "a token below 5"));
}
