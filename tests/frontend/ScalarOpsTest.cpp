// How numbers are written.
#include "frontend/ScalarOps.h"
#include "gtest/gtest.h"
#include <limits>

using namespace fovea;

TEST(FormatNumber, IsAsDescriptionsWriteIt) {
  EXPECT_EQ(formatNumber(3), "3.0");
  EXPECT_EQ(formatNumber(-0.5), "-0.5");
  EXPECT_EQ(formatNumber(0), "0.0");
  EXPECT_EQ(formatNumber(0.1), "0.1");
  EXPECT_EQ(formatNumber(100000), "100000.0");
  EXPECT_EQ(formatNumber(1e16), "1e+16");
  EXPECT_EQ(formatNumber(1e-5), "1e-05");
  EXPECT_EQ(formatNumber(1e-4), "0.0001");
  EXPECT_EQ(formatNumber(1.7976931348623157e308), "1.7976931348623157e+308");
  EXPECT_EQ(formatNumber(5e-324), "5e-324");
  double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(formatNumber(infinity), "inf");
  EXPECT_EQ(formatNumber(-infinity), "-inf");
  EXPECT_EQ(formatNumber(std::numeric_limits<double>::quiet_NaN()), "nan");
}
