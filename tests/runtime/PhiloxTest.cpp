// The known-answer vectors of Random123 (kat_vectors, philox4x32-10), and the keying of
// dropout_s1.
#include "dialect/Philox.h"
#include <gtest/gtest.h>

using namespace fovea;

namespace {

TEST(PhiloxTest, KnownAnswersOfRandom123) {
  EXPECT_EQ(philox::block({0, 0, 0, 0}, {0, 0}),
            (philox::Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(
      philox::block({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
      (philox::Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(
      philox::block({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
      (philox::Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(PhiloxTest, UniformIsTheUpper24BitsOfTheFirstWord) {
  EXPECT_EQ(philox::uniform(0, 0), (0x6627e8d5 >> 8) * 0x1p-24);
  EXPECT_EQ(philox::uniform(0x0123456789abcdef, 0xfedcba9876543210),
            (philox::block({0x76543210, 0xfedcba98, 0, 0}, {0x89abcdef, 0x01234567})[0] >> 8) *
                0x1p-24);
}

TEST(PhiloxTest, UniformStaysBelowOneAndHasTheRightMean) {
  double sum = 0;
  for (uint64_t index = 0; index < 10000; ++index) {
    double u = philox::uniform(42, index);
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
  }
  // The mean's standard deviation is 1/sqrt(12 * 10000) = 0.0029; this is five of those.
  EXPECT_NEAR(sum / 10000, 0.5, 0.0145);
}

} // namespace
