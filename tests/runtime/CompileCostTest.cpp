// What a compilation takes beside its own work: memory asked for anew.
#include "tests/runtime/CompileTesting.h"
#include <sys/resource.h>

using namespace fovea;
using namespace fovea::testing;

#if !defined(__has_feature)
#define __has_feature(x) 0
#endif
// Sanitizers keep freed memory for a while, and touch memory of their own.
#if defined(__GLIBC__) && !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)

static int64_t pageFaults() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

TEST(CompileCostTest, CompilingAgainFindsItsMemory) {
  int64_t least = std::numeric_limits<int64_t>::max();
  for (int repeat = 0; repeat < 5; ++repeat) {
    Module module(matmulSource);
    int64_t before = pageFaults();
    auto exe = module.compile({.threads = 1});
    ASSERT_TRUE(succeeds(exe));
    least = std::min(least, pageFaults() - before);
  }
  EXPECT_LT(least, 100);
}

#endif
