// The element types that operands of several take, PyTorch's.
#include "tests/frontend/DescriptionTesting.h"

using namespace fovea;
using namespace fovea::testing;

// x is f32[B, 6, 8] and n an i64 scalar.
TEST_F(ImporterTest, FloatsTakeTheWiderType) {
  EXPECT_EQ(typeOf("x.to(f16) + x"), "tensor<?x6x8xf32>");
  EXPECT_EQ(typeOf("x.to(f16) * x.to(bf16)"), "tensor<?x6x8xf32>");
  EXPECT_EQ(typeOf("x.to(bf16) - x.to(bf16)"), "tensor<?x6x8xbf16>");
  EXPECT_EQ(typeOf("x.to(f64) / x.to(f16)"), "tensor<?x6x8xf64>");
  EXPECT_EQ(typeOf("where(x > 0, x.to(bf16), x)"), "tensor<?x6x8xf32>");
  EXPECT_EQ(typeOf("cat((x.to(f16), x.to(bf16)))"), "tensor<?x6x8xf32>");
  EXPECT_EQ(typeOf("stack([x, x.to(f64)])"), "tensor<2x?x6x8xf64>");
  EXPECT_EQ(typeOf("maximum(x.to(f16), x)"), "tensor<?x6x8xf32>");
}

TEST_F(ImporterTest, ScalarsAndNumbersDoNotWiden) {
  EXPECT_EQ(typeOf("x.to(f16) * 2.5"), "tensor<?x6x8xf16>");
  EXPECT_EQ(typeOf("x.to(bf16) * tensor(0.5)"), "tensor<?x6x8xbf16>");
  EXPECT_EQ(typeOf("x.to(f16) * (x[0, 0, 0] * B)"), "tensor<?x6x8xf16>");
  EXPECT_EQ(typeOf("x.to(i8) + n"), "tensor<?x6x8xi8>");
  EXPECT_EQ(typeOf("x.to(i32) * B"), "tensor<?x6x8xi32>");
  EXPECT_EQ(typeOf("tensor(0.5).to(f16) + tensor(0.5)"), "tensor<f32>");
  EXPECT_EQ(typeOf("where(x > 0, x.to(f16), -inf)"), "tensor<?x6x8xf16>");
}

TEST_F(ImporterTest, IntegersAndBooleans) {
  EXPECT_EQ(typeOf("x.to(i32) + x.to(i64)"), "tensor<?x6x8xi64>");
  EXPECT_EQ(typeOf("x.to(i8) + x.to(i32)"), "tensor<?x6x8xi32>");
  EXPECT_EQ(typeOf("(x > 0) + 1"), "tensor<?x6x8xi64>");
  EXPECT_EQ(typeOf("(x > 0) + x.to(i8)"), "tensor<?x6x8xi8>");
  EXPECT_EQ(typeOf("(x > 0) * 0.5"), "tensor<?x6x8xf32>");
  EXPECT_EQ(typeOf("(x > 0) + (x < 1)"), "tensor<?x6x8xi1>");
  EXPECT_EQ(typeOf("(x > 0) / 2"), "tensor<?x6x8xf32>");
  EXPECT_EQ(typeOf("(x > 0) == n"), "tensor<?x6x8xi1>");
  EXPECT_EQ(typeOf("x.to(i8) * tensor(0.5, dtype=f64)"), "tensor<?x6x8xf64>");
  EXPECT_EQ(typeOf("cat((x > 0, x.to(i32)))"), "tensor<?x6x8xi32>");
  EXPECT_EQ(typeOf("exp(x.to(i64))"), "tensor<?x6x8xf32>");
  EXPECT_EQ(typeOf("floor(x.to(i8))"), "tensor<?x6x8xi8>");
  EXPECT_EQ(typeOf("logical_not(x)"), "tensor<?x6x8xi1>");
  EXPECT_EQ(typeOf("logical_or(x, x > 0)"), "tensor<?x6x8xi1>");
}

TEST_F(ImporterTest, NumbersChosenByAMask) {
  EXPECT_EQ(typeOf("where(x > 0, 1, 0)"), "tensor<?x6x8xi64>");
  EXPECT_EQ(typeOf("where(x > 0, 1, 0.0)"), "tensor<?x6x8xf32>");
  EXPECT_EQ(typeOf("where(x > 0, True, False)"), "tensor<?x6x8xi1>");
  EXPECT_EQ(typeOf("where(x > 0, B, 0)"), "tensor<?x6x8xi64>");
  EXPECT_EQ(typeOf("where(x > 0, iinfo(i64).max, 0)"), "tensor<?x6x8xi64>");
}

TEST_F(ImporterTest, PowersOfIntegers) {
  EXPECT_EQ(typeOf("2 ** x.to(i64)"), "tensor<?x6x8xi64>");
  EXPECT_EQ(typeOf("x.to(i32) ** 3"), "tensor<?x6x8xi32>");
  EXPECT_EQ(typeOf("x.to(i32) ** x.to(i64)"), "tensor<?x6x8xi64>");
  EXPECT_EQ(typeOf("x.to(i32) ** 0.5"), "tensor<?x6x8xf32>");
  EXPECT_EQ(typeOf("(x > 0) ** 2"), "tensor<?x6x8xi64>");
}

// Sizes stay exact where they can.
TEST_F(ImporterTest, PowersAndExtremesOfSizes) {
  EXPECT_EQ(typeOf("zeros(B ** 2)"), "tensor<?xf32>");
  EXPECT_EQ(typeOf("zeros(max(B, 1))"), "tensor<?xf32>");
  EXPECT_EQ(typeOf("zeros(min(2 * B, B))"), "tensor<?xf32>");
  EXPECT_EQ(typeOf("x.to(f16) * min(B, 4)"), "tensor<?x6x8xf16>");
  EXPECT_EQ(typeOf("min(B, 4) + n"), "tensor<i64>");
}
