// Rounding to bf16 in compiled code, compared with LLVM's arithmetic in software.
#include "dialect/RegisterAll.h"
#include "mlir/Parser/Parser.h"
#include "runtime/Compile.h"
#include "tests/ErrorTesting.h"
#include "llvm/ADT/APFloat.h"
#include <cmath>
#include <limits>
#include <random>

using namespace fovea;
using namespace fovea::testing;

static const char source[] = R"mlir(
  #map = affine_map<(d0) -> (d0)>
  func.func @main(%x: tensor<?xf64> {attn.name = "x", attn.dims = ["N"]})
      -> (tensor<?xbf16> {attn.name = "y"}) {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?xf64>
    %init = tensor.empty(%n) : tensor<?xbf16>
    %y = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]}
        ins(%x : tensor<?xf64>) outs(%init : tensor<?xbf16>) {
      ^bb0(%a: f64, %b: bf16):
        %r = arith.truncf %a : f64 to bf16
        linalg.yield %r : bf16
    } -> tensor<?xbf16>
    return %y : tensor<?xbf16>
  })mlir";

static double roundToBf16(double value) {
  llvm::APFloat rounded(value);
  bool inexact;
  rounded.convert(llvm::APFloat::BFloat(), llvm::APFloat::rmNearestTiesToEven, &inexact);
  return rounded.convertToDouble();
}

/// Numbers of all magnitudes, each also a little beside the middle of two bf16, where rounding to
/// f32 on the way would go wrong, and the ends of the range.
static std::vector<double> makeDoubles() {
  std::vector<double> values = {0.0, 0x1p-133, 0x1p-134, 0x1p-149, 0x1p-150, 1e-300};
  for (double value : {0x1.fep127, 0x1.ffp127, 0x1.ffffffp127, 0x1p128, 1e300})
    values.push_back(value);
  values.push_back(std::numeric_limits<double>::infinity());
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> mantissa(1, 2), exponent(-160, 130);
  for (int i = 0; i < 2000; ++i) {
    double value = std::ldexp(mantissa(random), static_cast<int>(exponent(random)));
    int power = i % 250 - 125;
    double bf16 = std::ldexp(std::floor(mantissa(random) * 128) / 128, power);
    double middle = bf16 + std::ldexp(1, power - 8);
    values.insert(values.end(), {value, middle, middle * (1 + 0x1p-40), middle * (1 - 0x1p-40)});
  }
  for (size_t i = 0, count = values.size(); i < count; ++i)
    values.push_back(-values[i]);
  return values;
}

TEST(Bf16Test, RoundsDoublesOnce) {
  auto context = makeContext();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(source, context.get());
  ASSERT_TRUE(module);
  std::vector<double> values = makeDoubles();
  TensorView x(values.data(), {static_cast<int64_t>(values.size())});
  for (const char *route : {"fast", "reference"}) {
    auto exe = compile(*module, {.threads = 1, .route = route});
    ASSERT_TRUE(succeeds(exe));
    auto out = exe->run({{"x", x}});
    ASSERT_TRUE(succeeds(out));
    for (size_t i = 0; i < values.size(); ++i)
      EXPECT_EQ(out->at("y").at({static_cast<int64_t>(i)}), roundToBf16(values[i])) << values[i];
  }
}

TEST(Bf16Test, KeepsNotANumber) {
  auto context = makeContext();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(source, context.get());
  auto exe = compile(*module, {.threads = 1});
  ASSERT_TRUE(succeeds(exe));
  double x[] = {std::numeric_limits<double>::quiet_NaN(), 1};
  auto out = exe->run({{"x", TensorView(x, {2})}});
  ASSERT_TRUE(succeeds(out));
  EXPECT_TRUE(std::isnan(out->at("y").at({0})));
  EXPECT_EQ(out->at("y").at({1}), 1);
}
