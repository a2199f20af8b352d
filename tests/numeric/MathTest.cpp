// Approximated functions against the C library in float64, in units in the last place of the
// f32 result. The bounds are those that passes/vector/ApproximateMath.cpp states.
#include "tests/numeric/KernelRunner.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>
#include <numbers>

using namespace fovea::test;

namespace {
struct Function {
  const char *op;
  double (*exact)(double);
  float low, high; // magnitudes too small for f32 are sampled as well
  double ulps;
};

class MathTest : public testing::TestWithParam<Function> {};
} // namespace

static constexpr float infinity = std::numeric_limits<float>::infinity();

static llvm::Expected<KernelRunner> compile(llvm::StringRef op, llvm::StringRef type = "f32",
                                            llvm::StringRef flags = "") {
  std::string source = llvm::formatv(R"(
    func.func @f(%x: memref<?x{1}>, %y: memref<?x{1}>) {{
      linalg.generic {{indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                      iterator_types = ["parallel"]}
        ins(%x : memref<?x{1}>) outs(%y : memref<?x{1}>) {{
      ^bb0(%a: {1}, %o: {1}):
        %r = math.{0} %a {2} : {1}
        linalg.yield %r : {1}
      }
      return
    })",
                                     op, type, flags);
  return KernelRunner::create(source, "attn-vectorize-linalg,attn-approximate-math");
}

static std::vector<float> evaluate(KernelRunner &runner, const std::vector<float> &points) {
  Buffer<float, 1> x({int64_t(points.size())}), y({int64_t(points.size())});
  x.data = points;
  EXPECT_FALSE(bool(call(runner, "f", x.descriptor(), y.descriptor())));
  return y.data;
}

static double ulpOf(double value) {
  float magnitude = std::max(float(std::abs(value)), std::numeric_limits<float>::min());
  return double(std::nextafter(magnitude, infinity)) - double(magnitude);
}

/// Points spread evenly over the range, and over the exponents down to subnormal numbers.
static std::vector<float> samplePoints(float low, float high) {
  std::vector<float> points;
  constexpr int count = 100003;
  for (int i = 0; i <= count; ++i)
    points.push_back(float(low + (double(high) - low) * i / count));
  for (float magnitude = 0x1p-149f; magnitude < 1; magnitude *= 1.00937f + 0x1p-149f / magnitude)
    for (float sign : {-1.0f, 1.0f})
      if (sign * magnitude >= low && sign * magnitude <= high)
        points.push_back(sign * magnitude);
  return points;
}

TEST_P(MathTest, StaysWithinBound) {
  const Function &function = GetParam();
  auto runner = compile(function.op);
  ASSERT_TRUE(bool(runner)) << llvm::toString(runner.takeError());
  std::vector<float> points = samplePoints(function.low, function.high);
  std::vector<float> results = evaluate(*runner, points);
  double worst = 0, at = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    double exact = function.exact(points[i]);
    double error = std::abs(results[i] - exact) / ulpOf(exact);
    if (std::isinf(float(exact)))
      error = results[i] == float(exact) ? 0 : infinity;
    if (!(error <= worst)) {
      worst = error;
      at = points[i];
    }
  }
  EXPECT_LE(worst, function.ulps) << function.op << " at " << at;
}

TEST_P(MathTest, KeepsLimits) {
  const Function &function = GetParam();
  auto runner = compile(function.op);
  ASSERT_TRUE(bool(runner)) << llvm::toString(runner.takeError());
  bool periodic = std::string(function.op) == "sin" || std::string(function.op) == "cos";
  std::vector<float> points = {0, std::numeric_limits<float>::quiet_NaN()};
  if (!periodic)
    points.insert(points.end(), {infinity, -infinity, 1e30f, -1e30f});
  std::vector<float> results = evaluate(*runner, points);
  for (size_t i = 0; i < points.size(); ++i) {
    double exact = function.exact(points[i]);
    if (std::isnan(exact))
      EXPECT_TRUE(std::isnan(results[i])) << function.op << "(" << points[i] << ")";
    else if (std::isinf(float(exact)))
      EXPECT_EQ(results[i], float(exact)) << function.op << "(" << points[i] << ")";
    else
      EXPECT_NEAR(results[i], exact, 3 * ulpOf(exact)) << function.op << "(" << points[i] << ")";
  }
}

INSTANTIATE_TEST_SUITE_P(Functions, MathTest,
                         testing::Values(Function{"exp", std::exp, -110, 95, 3},
                                         Function{"exp2", std::exp2, -155, 130, 3},
                                         Function{"expm1", std::expm1, -40, 95, 4},
                                         Function{"log", std::log, 0x1p-149f, 1000, 3},
                                         Function{"log2", std::log2, 0x1p-149f, 1000, 3},
                                         Function{"log1p", std::log1p, -0.999f, 1000, 3},
                                         Function{"tanh", std::tanh, -12, 12, 3},
                                         Function{"erf", std::erf, -6, 6, 2},
                                         Function{"sin", std::sin, -131072, 131072, 2},
                                         Function{"cos", std::cos, -131072, 131072, 2}),
                         [](const auto &info) { return std::string(info.param.op); });

// A tile may end anywhere: an element must not depend on whether it is in a vector or the tail.
TEST(MathTail, TailRoundsLikeVectors) {
  auto runner = compile("exp");
  ASSERT_TRUE(bool(runner)) << llvm::toString(runner.takeError());
  std::vector<float> points(24);
  fillRandom(points, -5, 5);
  std::vector<float> whole = evaluate(*runner, points);
  for (size_t count = 1; count < points.size(); ++count) {
    std::vector<float> part =
        evaluate(*runner, std::vector<float>(points.begin(), points.begin() + count));
    EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin())) << count;
  }
}

TEST(MathTypes, HalfIsComputedInSingle) {
  auto runner = compile("tanh", "f16");
  ASSERT_TRUE(bool(runner)) << llvm::toString(runner.takeError());
  Buffer<_Float16, 1> x({1000}), y({1000});
  fillRandom(x.data, -6, 6);
  ASSERT_FALSE(bool(call(*runner, "f", x.descriptor(), y.descriptor())));
  for (size_t i = 0; i < x.data.size(); ++i)
    ASSERT_EQ(float(y.data[i]), float(_Float16(float(std::tanh(double(x.data[i])))))) << i;
}

// Where only normal numbers count, results below them are 0, and exactly 0 for what softmax masks.
TEST(MathFlags, ApproximateExpIsZeroBelowNormalNumbers) {
  auto runner = compile("exp", "f32", "fastmath<afn>");
  ASSERT_TRUE(bool(runner)) << llvm::toString(runner.takeError());
  std::vector<float> points = samplePoints(-87.3f, 88);
  std::vector<float> results = evaluate(*runner, points);
  for (size_t i = 0; i < points.size(); ++i) {
    double exact = std::exp(double(points[i]));
    double bound = 2.5e-7 + 2e-8 * std::abs(points[i]);
    ASSERT_LE(std::abs(results[i] - exact), bound * exact) << "exp(" << points[i] << ")";
  }
  std::vector<float> limits = evaluate(*runner, {-infinity, -1000, -88.1f, 0, NAN});
  EXPECT_EQ(limits[0], 0);
  EXPECT_EQ(limits[1], 0);
  EXPECT_EQ(limits[2], 0);
  EXPECT_EQ(limits[3], 1);
  EXPECT_TRUE(std::isnan(limits[4]));
}

static constexpr char geluByErf[] = R"(
        %scale = arith.constant 0.707106769 : f32
        %s = arith.mulf %a, %scale : f32
        %gate = math.erf %s : f32)";

static constexpr char geluByTanh[] = R"(
        %scale = arith.constant 0.797884583 : f32
        %third = arith.constant 4.471500e-02 : f32
        %square = arith.mulf %a, %a : f32
        %cube = arith.mulf %square, %a : f32
        %part = arith.mulf %third, %cube : f32
        %sum = arith.addf %a, %part : f32
        %s = arith.mulf %scale, %sum : f32
        %gate = math.tanh %s : f32)";

// Within the bounds that passes/vector/ApproximateGelu.h states; the limits and NaN stay.
static void checkGelu(const std::string &gate, double (*exactly)(double)) {
  auto runner = KernelRunner::create(R"(
    func.func @f(%x: memref<?xf32>, %y: memref<?xf32>) {
      linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                      iterator_types = ["parallel"]}
        ins(%x : memref<?xf32>) outs(%y : memref<?xf32>) {
      ^bb0(%a: f32, %o: f32):)" + gate + R"(
        %half = arith.constant 0.5 : f32
        %one = arith.constant 1.0 : f32
        %g = arith.addf %gate, %one : f32
        %h = arith.mulf %a, %half : f32
        %r = arith.mulf %h, %g : f32
        linalg.yield %r : f32
      }
      return
    })",
                                     "attn-vectorize-linalg,attn-approximate-math");
  ASSERT_TRUE(bool(runner)) << llvm::toString(runner.takeError());
  std::vector<float> points = samplePoints(-20, 20);
  std::vector<float> results = evaluate(*runner, points);
  for (size_t i = 0; i < points.size(); ++i) {
    double x = points[i], exact = exactly(x);
    double error = std::abs(results[i] - exact);
    ASSERT_LE(error, std::max(5e-7, 2e-7 * std::abs(exact))) << "gelu(" << x << ")";
    if (x >= -2 && std::abs(x) >= std::numeric_limits<float>::min())
      ASSERT_LE(error, 5e-6 * std::abs(exact)) << "gelu(" << x << ")";
  }
  std::vector<float> limits = evaluate(*runner, {infinity, -1000, 0, NAN, 1e30f});
  EXPECT_EQ(limits[0], infinity);
  EXPECT_EQ(limits[1], 0);
  EXPECT_EQ(limits[2], 0);
  EXPECT_TRUE(std::isnan(limits[3]));
  EXPECT_EQ(limits[4], 1e30f);
}

TEST(MathGelu, StaysWithinBound) {
  checkGelu(geluByErf, [](double x) { return x * 0.5 * std::erfc(-x / std::sqrt(2.0)); });
}

// 1 + tanh(s) = 2 / (1 + e^(-2s)), which does not cancel.
TEST(MathGelu, WithTanhStaysWithinBound) {
  checkGelu(geluByTanh, [](double x) {
    double s = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
    return x / (1 + std::exp(-2 * s));
  });
}

//===----------------------------------------------------------------------===//
// Powers
//===----------------------------------------------------------------------===//

static std::vector<float> powersOf(const std::vector<float> &bases,
                                   const std::vector<float> &exponents) {
  auto runner = KernelRunner::create(R"(
    func.func @f(%x: memref<?xf32>, %e: memref<?xf32>, %y: memref<?xf32>) {
      linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>,
                                       affine_map<(i) -> (i)>],
                      iterator_types = ["parallel"]}
        ins(%x, %e : memref<?xf32>, memref<?xf32>) outs(%y : memref<?xf32>) {
      ^bb0(%a: f32, %b: f32, %o: f32):
        %r = math.powf %a, %b : f32
        linalg.yield %r : f32
      }
      return
    })",
                                     "attn-vectorize-linalg,attn-approximate-math");
  if (!runner) {
    ADD_FAILURE() << llvm::toString(runner.takeError());
    return {};
  }
  auto count = static_cast<int64_t>(bases.size());
  Buffer<float, 1> x({count}), e({count}), y({count});
  x.data = bases;
  e.data = exponents;
  EXPECT_FALSE(bool(call(*runner, "f", x.descriptor(), e.descriptor(), y.descriptor())));
  return y.data;
}

// Bases around 1 with exponents that bring the result to either end of the range, where a logarithm
// in f32 would leave few digits.
TEST(MathPow, StaysWithinOneUlp) {
  std::vector<float> bases, exponents;
  for (float base : samplePoints(0x1p-149f, 1000)) {
    double reach = 150 / std::max(std::abs(std::log2(double(base))), 1e-7);
    for (double part : {-1.0, -0.63, -0.001, 0.37, 0.995}) {
      bases.push_back(base);
      exponents.push_back(float(part * reach));
    }
  }
  std::vector<float> results = powersOf(bases, exponents);
  ASSERT_EQ(results.size(), bases.size());
  double worst = 0;
  size_t at = 0;
  for (size_t i = 0; i < bases.size(); ++i) {
    double exact = std::pow(double(bases[i]), double(exponents[i]));
    double error = std::isinf(float(exact)) || std::isinf(results[i])
                       ? (results[i] == float(exact) ? 0 : infinity)
                       : std::abs(results[i] - exact) / ulpOf(exact);
    if (!(error <= worst)) {
      worst = error;
      at = i;
    }
  }
  EXPECT_LE(worst, 1) << bases[at] << " ** " << exponents[at];
}

// What C says of all pairs of these, the signs of zeros too.
TEST(MathPow, KeepsLimits) {
  const std::vector<float> values = {0,
                                     -0.0f,
                                     1,
                                     -1,
                                     2,
                                     -2,
                                     0.5f,
                                     -0.5f,
                                     3,
                                     -3,
                                     2.5f,
                                     -2.5f,
                                     NAN,
                                     1e30f,
                                     -1e30f,
                                     0x1p-149f,
                                     -0x1p-149f,
                                     16777215.0f,
                                     -16777215.0f,
                                     16777216.0f,
                                     infinity,
                                     -infinity};
  std::vector<float> bases, exponents;
  for (float base : values)
    for (float exponent : values) {
      bases.push_back(base);
      exponents.push_back(exponent);
    }
  std::vector<float> results = powersOf(bases, exponents);
  ASSERT_EQ(results.size(), bases.size());
  for (size_t i = 0; i < bases.size(); ++i) {
    auto exact = float(std::pow(double(bases[i]), double(exponents[i])));
    std::string what = llvm::formatv("{0} ** {1}", bases[i], exponents[i]);
    if (std::isnan(exact)) {
      EXPECT_TRUE(std::isnan(results[i])) << what << " is " << results[i];
      continue;
    }
    EXPECT_EQ(std::signbit(results[i]), std::signbit(exact)) << what;
    if (std::isinf(exact) || exact == 0)
      EXPECT_EQ(results[i], exact) << what;
    else
      EXPECT_NEAR(results[i], exact, ulpOf(exact)) << what;
  }
}
