// Running sums: how far off they are, and that they have the same bits on any number of threads.
#include "runtime/Compile.h"
#include "tests/ErrorTesting.h"
#include "tests/TemporaryDirectory.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

using namespace fovea;
using namespace fovea::testing;

static const char description[] = R"(
def outer(x: f32[A, B, C]):
    return y=cumsum(x, 0)

def middle(x: f32[A, B, C]):
    return y=cumsum(x, 1)

def inner(x: f32[A, B, C]):
    return y=cumsum(x, 2)
)";

using Sizes = std::array<int64_t, 3>;

/// Element (a, b, c) of sums along `dim`, and of sums of magnitudes.
template <typename Check>
static void forEachSum(const Sizes &sizes, unsigned dim, const std::vector<float> &x, Check check) {
  int64_t stride = 1;
  for (unsigned d = dim + 1; d < 3; ++d)
    stride *= sizes[d];
  std::vector<long double> sums(x.begin(), x.end()), magnitudes(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    magnitudes[i] = std::abs(x[i]);
    if (int64_t(i) / stride % sizes[dim] != 0) {
      sums[i] += sums[i - stride];
      magnitudes[i] += magnitudes[i - stride];
    }
    check(i, sums[i], magnitudes[i]);
  }
}

class RunningSumTest : public ::testing::TestWithParam<std::tuple<const char *, const char *>> {};

// Rounded to f32 once; each of n additions in f64 errs by 2^-53 of what it gives.
TEST_P(RunningSumTest, ErrByOneRounding) {
  auto [target, entry] = GetParam();
  unsigned dim = llvm::StringRef(entry) == "outer" ? 0 : llvm::StringRef(entry) == "middle" ? 1 : 2;
  TemporaryDirectory dir;
  auto graph = Graph::fromFile(dir.write("sums.fov", description), {}, "", entry);
  ASSERT_TRUE(succeeds(graph));
  auto one = compile(*graph, {.threads = 1, .target = target}),
       two = compile(*graph, {.threads = 2, .target = target});
  ASSERT_TRUE(succeeds(one) && succeeds(two));
  std::mt19937 random(1);
  std::normal_distribution<float> normal(1);
  for (Sizes sizes : {Sizes{1, 1, 1}, Sizes{2, 3, 7}, Sizes{9, 17, 8}, Sizes{3, 70, 33},
                      Sizes{1000, 2, 65}, Sizes{2, 1000, 1}, Sizes{1, 2, 20000}}) {
    std::vector<float> x(sizes[0] * sizes[1] * sizes[2]);
    for (float &value : x)
      value = normal(random);
    auto run = [&](const Executable &executable) {
      return std::move(
          llvm::cantFail(executable.run({{"x", TensorView(x.data(), sizes)}})).at("y"));
    };
    Tensor y = run(*one), again = run(*two);
    EXPECT_EQ(std::memcmp(y.data(), again.data(), y.view().numBytes()), 0);
    const float *got = y.dataAs<float>();
    forEachSum(sizes, dim, x, [&](size_t i, long double sum, long double magnitude) {
      long double bound = std::ldexp(std::abs(sum), -24) +
                          sizes[dim] * std::ldexp(magnitude, -53) * (1 + std::ldexp(1, -20));
      ASSERT_LE(std::abs(got[i] - sum), bound) << "element " << i << " of " << entry;
    });
  }
}

// What comes later changes nothing, whatever it is.
TEST_P(RunningSumTest, NumbersBeforeInfinitiesStay) {
  auto [target, entry] = GetParam();
  TemporaryDirectory dir;
  auto graph = Graph::fromFile(dir.write("sums.fov", description), {}, "", entry);
  ASSERT_TRUE(succeeds(graph));
  auto executable = compile(*graph, {.target = target});
  ASSERT_TRUE(succeeds(executable));
  float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> x = {0, 1, 2, infinity, 3, -infinity, 4, 5, 6, 7, 8};
  int64_t size = x.size();
  llvm::StringRef name = entry;
  Sizes sizes = {name == "outer" ? size : 1, name == "middle" ? size : 1,
                 name == "inner" ? size : 1};
  Tensor y =
      std::move(llvm::cantFail(executable->run({{"x", TensorView(x.data(), sizes)}})).at("y"));
  const float *got = y.dataAs<float>();
  EXPECT_EQ(got[1], 1);
  EXPECT_EQ(got[2], 3);
  EXPECT_EQ(got[3], infinity);
  EXPECT_EQ(got[4], infinity);
  for (int64_t i = 5; i < size; ++i)
    EXPECT_TRUE(std::isnan(got[i])) << i;
}

INSTANTIATE_TEST_SUITE_P(Routes, RunningSumTest,
                         ::testing::Combine(::testing::Values("", "avx2", "generic"),
                                            ::testing::Values("outer", "middle", "inner")));
