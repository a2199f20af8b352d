#include "bench/Measure.h"
#include <gtest/gtest.h>

using namespace fovea::bench;

TEST(Median, IsTheMiddleOne) {
  EXPECT_EQ(median({3}), 3);
  EXPECT_EQ(median({9, 1, 5}), 5);
  EXPECT_EQ(median({4, 1, 2, 100}), 3);
}

// A slice of a few milliseconds on a busy machine says little; these hold on any.
TEST(Ceilings, AreRates) {
  for (unsigned threads : {1u, 2u}) {
    auto ceilings = llvm::cantFail(Ceilings::create(threads, 128));
    llvm::cantFail(ceilings->prepare(Bound::Fma));
    EXPECT_GT(ceilings->measure(Bound::Fma), 1e8);
    EXPECT_EQ(ceilings->threads(), threads);
  }
}
