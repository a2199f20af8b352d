#include "runtime/Median.h"
#include <gtest/gtest.h>

using namespace fovea;

TEST(MedianTest, IsTheMiddleOne) {
  EXPECT_EQ(median({}), 0);
  EXPECT_EQ(median({3}), 3);
  EXPECT_EQ(median({9, 1, 5}), 5);
  EXPECT_EQ(median({4, 1, 2, 100}), 3);
}
