// The comparison that `fovea run --verify` and the suite share.
#include "tools/fovea/Verify.h"
#include "tests/ErrorTesting.h"
#include <gtest/gtest.h>

using namespace fovea;
using fovea::testing::failsWith;
using tool::Comparison;

/// Of graphs that round to no narrower type.
static Comparison compareAll(llvm::ArrayRef<int64_t> result, llvm::ArrayRef<int64_t> reference) {
  auto size = static_cast<int64_t>(result.size());
  return llvm::cantFail(
      tool::compare(TensorView(result.data(), {size}), TensorView(reference.data(), {size}), 0));
}

// 2^53 and 2^53 + 1 are one double.
TEST(VerifyTest, IntegersAreComparedExactly) {
  constexpr int64_t large = int64_t(1) << 53, most = std::numeric_limits<int64_t>::max();
  EXPECT_TRUE(compareAll({large + 1, -3}, {large + 1, -3}).passes());
  Comparison apart = compareAll({large + 1, -3}, {large, -3});
  EXPECT_EQ(apart.largestError, 1);
  EXPECT_FALSE(apart.passes());
  EXPECT_FALSE(compareAll({most}, {most - 1}).passes());
  EXPECT_EQ(compareAll({most}, {-most - 1}).largestError, 0x1p64);
}

TEST(VerifyTest, StridedIntegers) {
  int64_t data[] = {1, 9, 2, 9}, reference[] = {1, 2};
  TensorView strided(data, DataType::I64, {2}, {2});
  EXPECT_TRUE(llvm::cantFail(tool::compare(strided, TensorView(reference, {2}), 0)).passes());
}

TEST(VerifyTest, FloatsAreComparedWithinTheBoundOfTheirType) {
  float result[] = {1, 1000}, wrong[] = {1, 1000.1f};
  double reference[] = {1.000001, 1000};
  EXPECT_TRUE(llvm::cantFail(tool::compare(TensorView(result, {2}), TensorView(reference, {2}), 0))
                  .passes());
  EXPECT_FALSE(llvm::cantFail(tool::compare(TensorView(wrong, {2}), TensorView(reference, {2}), 0))
                   .passes());
  EXPECT_TRUE(failsWith(tool::compare(TensorView(result, {2}), TensorView(reference, {1}), 0),
                        "the compiled code gave f32[2], the reference f64[1]"));
}

TEST(VerifyTest, WhatTheGraphRoundsToWidensTheBound) {
  float result[] = {1, 1000.1f}, wrong[] = {1, 1002};
  double reference[] = {1, 1000};
  TensorView expected(reference, {2});
  EXPECT_TRUE(llvm::cantFail(tool::compare(TensorView(result, {2}), expected, 1e-3)).passes());
  EXPECT_FALSE(llvm::cantFail(tool::compare(TensorView(wrong, {2}), expected, 1e-3)).passes());
}

TEST(VerifyTest, LargeScoresWidenTheBoundUpToALimit) {
  EXPECT_EQ(tool::scoreBound(0), 0);
  EXPECT_DOUBLE_EQ(tool::scoreBound(300 * 0x1p-24), 4 * 300 * 0x1p-24);
  EXPECT_EQ(tool::scoreBound(1e9 * 0x1p-24), 1e-3);
}

TEST(VerifyTest, SmallScoresLeaveTheBoundOfTheType) {
  float wrong[] = {1, 1.0001f};
  double reference[] = {1, 1};
  TensorView result(wrong, {2}), expected(reference, {2});
  double small = tool::scoreBound(8 * 0x1p-24), large = tool::scoreBound(1000 * 0x1p-24);
  EXPECT_FALSE(llvm::cantFail(tool::compare(result, expected, small)).passes());
  EXPECT_EQ(llvm::cantFail(tool::compare(result, expected, small)).bound, 1e-5);
  EXPECT_TRUE(llvm::cantFail(tool::compare(result, expected, large)).passes());
}

// 1e-79 is no f32, nor is 1e-7 one of the f16 whose steps are 6e-8.
TEST(VerifyTest, WhatATypeHasNoNumbersForIsNoError) {
  float zero = 0;
  double tiny = 1e-79, small = 1e-37;
  EXPECT_TRUE(
      llvm::cantFail(tool::compare(TensorView(&zero, {1}), TensorView(&tiny, {1}), 0)).passes());
  EXPECT_FALSE(
      llvm::cantFail(tool::compare(TensorView(&zero, {1}), TensorView(&small, {1}), 0)).passes());
  uint16_t half = 2; // 2^-23
  double near = 1.1e-7, far = 2e-7;
  TensorView result(&half, DataType::F16, {1});
  EXPECT_TRUE(llvm::cantFail(tool::compare(result, TensorView(&near, {1}), 0)).passes());
  EXPECT_FALSE(llvm::cantFail(tool::compare(result, TensorView(&far, {1}), 0)).passes());
}
