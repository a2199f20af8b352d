// What of freed memory goes back to the system: measured in a child process, in tens of megabytes.
#include "runtime/Memory.h"
#include "llvm/ADT/StringRef.h"
#include "gtest/gtest.h"
#include <fstream>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace fovea;

#if !defined(__has_feature)
#define __has_feature(x) 0
#endif
// Sanitizers have allocators of their own.
#if defined(__GLIBC__) && !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)

static constexpr int64_t manyBytes = 32 << 20, fewBytes = 4 << 20;

static int64_t residentBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (llvm::StringRef rest = line; rest.consume_front("RssAnon:")) {
      int64_t kilobytes = 0;
      rest.trim().consumeInteger(10, kilobytes);
      return kilobytes << 10;
    }
  return 0;
}

using Pieces = std::vector<std::string>;

static Pieces fill() {
  Pieces pieces;
  for (int64_t bytes = 0; bytes < manyBytes; bytes += 1000)
    pieces.emplace_back(1000, 'a');
  return pieces;
}

/// Exits with 0 if little is left of what `use` takes in a program that keeps freed memory.
template <typename Use>
[[noreturn]] static void measure(Use use) {
  keepFreeMemory();
  int64_t before = residentBytes();
  use();
  int64_t left = residentBytes() - before;
  llvm::errs() << left << " bytes are left\n";
  _exit(before > 0 && left < fewBytes ? 0 : 1);
}

TEST(MemoryDeathTest, ThreadsReturnWhatTheyFreed) {
  auto use = [] {
    std::thread([] {
      { Pieces freed = fill(); }
      returnFreeMemory();
    }).join();
  };
  EXPECT_EXIT(measure(use), ::testing::ExitedWithCode(0), "");
}

TEST(MemoryDeathTest, WhatOtherThreadsAllocatedIsReturnedAsItIsFreed) {
  auto use = [] {
    Pieces pieces;
    std::thread([&] { pieces = fill(); }).join();
    returnFreeMemory([&] { Pieces().swap(pieces); });
  };
  EXPECT_EXIT(measure(use), ::testing::ExitedWithCode(0), "");
}

TEST(MemoryDeathTest, MemoryIsKeptAgainAfterwards) {
  auto use = [] {
    returnFreeMemory();
    { Pieces freed = fill(); }
    EXPECT_GT(residentBytes(), manyBytes);
    returnFreeMemory();
  };
  EXPECT_EXIT(measure(use), ::testing::ExitedWithCode(0), "");
}

#endif
