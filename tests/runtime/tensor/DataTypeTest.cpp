#include "runtime/tensor/DataType.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <limits>

using namespace fovea;

static double decode(DataType type, uint16_t bits) { return loadElement(type, &bits); }

static uint16_t encode(DataType type, double value) {
  uint16_t bits = 0;
  storeElement(type, &bits, value);
  return bits;
}

template <typename T>
static T stored(DataType type, double value) {
  T result;
  storeElement(type, &result, value);
  return result;
}

TEST(DataTypeTest, NamesRoundTrip) {
  for (DataType type : allDataTypes()) {
    EXPECT_EQ(parseDataType(stringify(type)), type);
    EXPECT_EQ(parseSafetensorsName(safetensorsName(type)), type);
  }
  EXPECT_EQ(allDataTypes().size(), 10u);
  EXPECT_EQ(stringify(DataType::BF16), "bf16");
  EXPECT_EQ(safetensorsName(DataType::Bool), "BOOL");
  EXPECT_EQ(parseDataType("F32"), std::nullopt);
  EXPECT_EQ(parseDataType(""), std::nullopt);
  EXPECT_EQ(parseSafetensorsName("f32"), std::nullopt);
  EXPECT_EQ(parseSafetensorsName("F8_E4M3"), std::nullopt);
}

TEST(DataTypeTest, Sizes) {
  EXPECT_EQ(sizeOf(DataType::F64), 8);
  EXPECT_EQ(sizeOf(DataType::F32), 4);
  EXPECT_EQ(sizeOf(DataType::BF16), 2);
  EXPECT_EQ(sizeOf(DataType::Bool), 1);
}

// Clang's own _Float16 is the oracle for every one of the 65536 patterns.
TEST(DataTypeTest, EveryF16DecodesAndEncodes) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    _Float16 expected;
    uint16_t pattern = bits;
    std::memcpy(&expected, &pattern, 2);
    double value = decode(DataType::F16, bits);
    if (std::isnan(static_cast<float>(expected))) {
      EXPECT_TRUE(std::isnan(value)) << bits;
      EXPECT_TRUE(std::isnan(decode(DataType::F16, encode(DataType::F16, value))));
      continue;
    }
    ASSERT_EQ(value, static_cast<double>(expected)) << bits;
    ASSERT_EQ(encode(DataType::F16, value), bits);
  }
}

// A bf16 is the upper half of a float.
TEST(DataTypeTest, EveryBF16DecodesAndEncodes) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    uint32_t pattern = bits << 16;
    float expected;
    std::memcpy(&expected, &pattern, 4);
    double value = decode(DataType::BF16, bits);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(decode(DataType::BF16, encode(DataType::BF16, value))));
      continue;
    }
    ASSERT_EQ(value, static_cast<double>(expected)) << bits;
    ASSERT_EQ(encode(DataType::BF16, value), bits);
  }
}

TEST(DataTypeTest, F16RoundsToNearestEven) {
  // 1 + 2^-11 lies midway between 1 and 1 + 2^-10: to the even one.
  EXPECT_EQ(encode(DataType::F16, 1 + 0x1p-11), 0x3c00);
  EXPECT_EQ(encode(DataType::F16, 1 + 0x1p-11 + 0x1p-40), 0x3c01);
  EXPECT_EQ(encode(DataType::F16, 1 + 3 * 0x1p-11), 0x3c02);
  EXPECT_EQ(encode(DataType::F16, -2047.9999), 0xe800); // carries into the exponent
  EXPECT_EQ(encode(DataType::F16, 65519.99), 0x7bff);
  EXPECT_EQ(encode(DataType::F16, 65520.0), 0x7c00); // midway to the first value out of range
  EXPECT_EQ(encode(DataType::F16, 1e300), 0x7c00);
  EXPECT_EQ(encode(DataType::F16, -1e300), 0xfc00);
}

TEST(DataTypeTest, F16RoundsDenormals) {
  EXPECT_EQ(encode(DataType::F16, 0x1p-24), 0x0001);
  EXPECT_EQ(encode(DataType::F16, 0x1p-25), 0x0000); // a tie, to even
  EXPECT_EQ(encode(DataType::F16, 0x1.8p-25), 0x0001);
  EXPECT_EQ(encode(DataType::F16, 0x1.ffp-15 + 0x1p-26), 0x03fe);
  EXPECT_EQ(encode(DataType::F16, 0x1p-14 - 0x1p-26), 0x0400); // rounds up to a normal number
  EXPECT_EQ(encode(DataType::F16, 1e-300), 0x0000);
  EXPECT_EQ(encode(DataType::F16, -1e-300), 0x8000);
  EXPECT_EQ(encode(DataType::F16, -0.0), 0x8000);
}

TEST(DataTypeTest, BF16RoundsToNearestEven) {
  EXPECT_EQ(encode(DataType::BF16, 1 + 0x1p-8), 0x3f80);
  EXPECT_EQ(encode(DataType::BF16, 1 + 0x1.1p-8), 0x3f81);
  EXPECT_EQ(encode(DataType::BF16, 3.4e38), 0x7f80);
  EXPECT_EQ(encode(DataType::BF16, 3.38e38), 0x7f7e);
  EXPECT_EQ(encode(DataType::BF16, 0x1p-133), 0x0001);
}

TEST(DataTypeTest, NanKeepsItsSign) {
  double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(encode(DataType::F16, std::copysign(nan, 1.0)), 0x7e00);
  EXPECT_EQ(encode(DataType::F16, std::copysign(nan, -1.0)), 0xfe00);
  EXPECT_EQ(encode(DataType::BF16, std::copysign(nan, 1.0)), 0x7fc0);
}

TEST(DataTypeTest, F32OverflowsToInfinity) {
  EXPECT_TRUE(std::isinf(stored<float>(DataType::F32, 1e39)));
  EXPECT_EQ(stored<float>(DataType::F32, -1e39), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(stored<float>(DataType::F32, 0x1.fffffefp127), std::numeric_limits<float>::max());
  EXPECT_TRUE(std::isnan(stored<float>(DataType::F32, NAN)));
}

TEST(DataTypeTest, IntegersClampAndTruncate) {
  EXPECT_EQ(stored<int8_t>(DataType::I8, 1e9), 127);
  EXPECT_EQ(stored<int8_t>(DataType::I8, -1e9), -128);
  EXPECT_EQ(stored<int8_t>(DataType::I8, -1.9), -1);
  EXPECT_EQ(stored<uint8_t>(DataType::U8, -1), 0);
  EXPECT_EQ(stored<uint8_t>(DataType::U8, 255.9), 255);
  EXPECT_EQ(stored<int64_t>(DataType::I64, 1e19), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(stored<int64_t>(DataType::I64, -INFINITY), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(stored<int32_t>(DataType::I32, NAN), 0);
  EXPECT_EQ(stored<uint8_t>(DataType::Bool, -0.5), 1);
  EXPECT_EQ(stored<uint8_t>(DataType::Bool, 0), 0);
}

TEST(DataTypeTest, ReadsUnalignedElements) {
  char bytes[9] = {};
  storeElement(DataType::F64, bytes + 1, 2.5);
  EXPECT_EQ(loadElement(DataType::F64, bytes + 1), 2.5);
}
