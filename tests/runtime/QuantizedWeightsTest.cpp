// What quantised weights stand for, by hand and by the bounds of docs/dialect.md.
#include "runtime/QuantizedWeights.h"
#include "tests/ErrorTesting.h"
#include <cmath>
#include <random>

using namespace fovea;
using namespace fovea::testing;
using attn::WeightFormat;

static Tensor quantized(const Tensor &matrix, WeightFormat format, int64_t dim = 0) {
  return llvm::cantFail(quantizeAndBack(matrix, format, dim));
}

static Tensor zeros(llvm::ArrayRef<int64_t> sizes) {
  return llvm::cantFail(Tensor::create(DataType::F32, sizes));
}

// 127 is the largest, so the scale is 1; halves go away from zero.
TEST(QuantizedWeightsTest, RoundsByHand) {
  Tensor matrix = zeros({1, 34});
  float *row = matrix.dataAs<float>();
  row[0] = 127;
  row[1] = 2.5F;
  row[2] = -2.5F;
  row[3] = 2.25F;
  row[32] = 1; // a group of its own
  Tensor result = quantized(matrix, WeightFormat::Q8);
  EXPECT_EQ(result.dataAs<float>()[0], 127);
  EXPECT_EQ(result.dataAs<float>()[1], 3);
  EXPECT_EQ(result.dataAs<float>()[2], -3);
  EXPECT_EQ(result.dataAs<float>()[3], 2);
  // 1 / 127 is no bf16: the next one is 130 / 16384, of which 1 has 126.03.
  EXPECT_EQ(result.dataAs<float>()[32], 126 * 130 / 16384.0F);

  // The scale is -8 / -8; 8 of the other sign becomes 7.
  row[0] = -8;
  row[4] = 8;
  result = quantized(matrix, WeightFormat::Q4);
  EXPECT_EQ(result.dataAs<float>()[0], -8);
  EXPECT_EQ(result.dataAs<float>()[1], 3);
  EXPECT_EQ(result.dataAs<float>()[4], 7);
  EXPECT_EQ(result.dataAs<float>()[32], 1);
}

TEST(QuantizedWeightsTest, GroupsRunAlongTheOtherDim) {
  Tensor matrix = zeros({2, 2});
  float *elements = matrix.dataAs<float>();
  elements[0] = 127;
  elements[1] = 0.25F;
  elements[3] = 0.25F;
  EXPECT_EQ(quantized(matrix, WeightFormat::Q8, 0).dataAs<float>()[1], 0); // beside 127
  EXPECT_NE(quantized(matrix, WeightFormat::Q8, 1).dataAs<float>()[1], 0); // beside itself
}

TEST(QuantizedWeightsTest, MatricesOfStacksAreRoundedAlone) {
  Tensor stack = zeros({2, 1, 34});
  stack.dataAs<float>()[0] = 127;
  stack.dataAs<float>()[34] = 0.25F; // a first element of the second
  Tensor result = quantized(stack, WeightFormat::Q8);
  EXPECT_EQ(result.dataAs<float>()[0], 127);
  EXPECT_NEAR(result.dataAs<float>()[34], 0.25, 1e-2);
}

/// quantized_s1 and quantized_s2 with the roundings of the scale: by 2^-7 upwards, by 2^-9.
TEST(QuantizedWeightsTest, ErrorsStayWithinTheirBounds) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  Tensor matrix = zeros({50, 320});
  for (float &element : llvm::MutableArrayRef(matrix.dataAs<float>(), matrix.numElements()))
    element = normal(random);
  Tensor q8 = quantized(matrix, WeightFormat::Q8), q4 = quantized(matrix, WeightFormat::Q4);
  double squares8 = 0, squares4 = 0, squares = 0;
  for (int64_t group = 0; group < matrix.numElements(); group += 32) {
    const float *elements = matrix.dataAs<float>() + group;
    double largest = 0;
    for (int i = 0; i < 32; ++i)
      largest = std::max<double>(largest, std::fabs(elements[i]));
    for (int i = 0; i < 32; ++i) {
      double error8 = q8.dataAs<float>()[group + i] - elements[i];
      double error4 = q4.dataAs<float>()[group + i] - elements[i];
      EXPECT_LE(std::fabs(error8), largest / 254 * (1 + 0x1p-7));
      EXPECT_LE(std::fabs(error4), largest / 8 * (1 + 0x1p-9) + largest * 0x1p-9);
      squares8 += error8 * error8;
      squares4 += error4 * error4;
      squares += elements[i] * elements[i];
    }
  }
  // An error spread evenly over a step of d has a mean square of d^2 / 12, d being about 2.1 / 127
  // and 2.1 / 8 deviations.
  EXPECT_NEAR(std::sqrt(squares8 / squares), 2.1 / 127 / std::sqrt(12.0), 1e-3);
  EXPECT_NEAR(std::sqrt(squares4 / squares), 2.1 / 8 / std::sqrt(12.0), 1.5e-2);
}

TEST(QuantizedWeightsTest, ChangesTheSpecifiedWeightsOnly) {
  auto source = std::make_shared<InMemoryWeights>();
  Tensor matrix = zeros({1, 32});
  matrix.dataAs<float>()[0] = 100;
  matrix.dataAs<float>()[1] = 0.125F;
  llvm::cantFail(source->add("w", llvm::cantFail(Tensor::copyOf(matrix))));
  llvm::cantFail(source->add("v", llvm::cantFail(Tensor::copyOf(matrix))));
  std::vector<WeightSpec> specs = {
      {"w", {}, DataType::F32, {1, 32}, PanelSpec{0, 8, 4, WeightFormat::Q8}},
      {"v", {}, DataType::F32, {1, 32}, PanelSpec{0, 8, 4}}};
  EXPECT_TRUE(hasQuantizedWeights(specs));
  EXPECT_FALSE(hasQuantizedWeights(llvm::ArrayRef(specs).drop_front()));
  auto changed = withQuantizedWeights(source, specs);
  ASSERT_TRUE(succeeds(changed));
  EXPECT_EQ((*changed)->find("w")->at({0, 1}), 0);
  EXPECT_EQ((*changed)->find("v")->at({0, 1}), 0.125);
  EXPECT_EQ((*changed)->names(), source->names());
  specs[0].name = "u";
  EXPECT_TRUE(
      failsWith(withQuantizedWeights(source, specs), "expected a matrix 'u', got no such tensor"));
}
