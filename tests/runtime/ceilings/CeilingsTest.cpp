#include "runtime/ceilings/Ceilings.h"
#include "tests/ErrorTesting.h"
#include <algorithm>
#include <gtest/gtest.h>

using namespace fovea;
using fovea::testing::failsWith;

// A slice of a few milliseconds on a busy machine says little; these hold on any.
TEST(CeilingsTest, AreRatesOfAllThreads) {
  for (unsigned threads : {1u, 2u}) {
    auto ceilings = llvm::cantFail(Ceilings::create(threads, 128, /*memoryBytes=*/8 << 20));
    EXPECT_EQ(ceilings->threads(), threads);
    for (Bound bound : {Bound::Fma, Bound::ReadMemory, Bound::Copy}) {
      llvm::cantFail(ceilings->prepare(bound));
      EXPECT_GT(ceilings->measure(bound), 1e8) << describe(bound);
    }
  }
}

TEST(CeilingsTest, VectorsThatNoMachineHas) {
  EXPECT_TRUE(
      failsWith(Ceilings::create(1, 96), "expected vectors of 96 bits, but this machine has none"));
}

TEST(CeilingsTest, MeasuresForTheCompiledCpu) {
  PeakRates peaks = llvm::cantFail(measurePeaks(1, "native"));
  EXPECT_GT(peaks.operations, 1e8);
  EXPECT_GT(peaks.bytes, 1e8);
  EXPECT_TRUE(failsWith(measurePeaks(1, "no-such-cpu"), "no-such-cpu"));
}

// Each width computes what the 128-bit loops do.
TEST(StreamLoopsTest, ReadAndCopyEachElementOnce) {
  constexpr int64_t count = 2 * streamGranule;
  alignas(64) float from[count], to[count];
  for (int64_t i = 0; i < count; ++i)
    from[i] = static_cast<float>(i % 7);
  float sum = 0;
  for (float value : from)
    sum += value;
  for (int64_t bits : {128, 256, 512}) {
    const StreamLoops *loops = findStreamLoops(bits);
    if (!loops)
      continue;
    EXPECT_EQ(loops->readFloats(from, count), sum) << bits;
    std::fill(std::begin(to), std::end(to), -1.0f);
    loops->copyFloats(to, from, count);
    EXPECT_TRUE(std::equal(std::begin(to), std::end(to), std::begin(from))) << bits;
    EXPECT_EQ(loops->runFmaChains(10) % (10 * 2 * bits / 32), 0) << bits;
  }
  EXPECT_NE(findStreamLoops(128), nullptr);
}
