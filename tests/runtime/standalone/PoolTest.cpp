#include "runtime/standalone/Pool.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace {
struct Seen {
  explicit Seen(int64_t count, int64_t workers) : times(count), inUse(workers) {}
  std::vector<std::atomic<int>> times;
  std::vector<std::atomic<bool>> inUse;
  std::atomic<int> clashes{0};
};

struct Destroy {
  void operator()(fovea_pool *pool) const { fovea_pool_destroy(pool); }
};
} // namespace

using PoolPointer = std::unique_ptr<fovea_pool, Destroy>;

static void countTasks(void *closure, int64_t begin, int64_t end, int64_t worker) {
  auto &seen = *static_cast<Seen *>(closure);
  seen.clashes += seen.inUse[worker].exchange(true);
  for (int64_t i = begin; i < end; ++i)
    ++seen.times[i];
  seen.inUse[worker] = false;
}

static void expectEachOnce(fovea_pool *pool, int64_t count) {
  Seen seen(count, fovea_pool_size(pool));
  fovea_pool_run(pool, count, countTasks, &seen);
  EXPECT_EQ(seen.clashes, 0);
  for (auto &times : seen.times)
    ASSERT_EQ(times, 1);
}

TEST(StandalonePoolTest, CoversEachTaskOnceOnDistinctWorkers) {
  for (int64_t threads : {1, 2, 5}) {
    PoolPointer pool(fovea_pool_create(threads));
    EXPECT_EQ(fovea_pool_size(pool.get()), threads);
    for (int64_t count : {0, 1, 2, 40, 1001})
      expectEachOnce(pool.get(), count);
  }
}

TEST(StandalonePoolTest, BoundsThreads) {
  EXPECT_EQ(fovea_pool_size(PoolPointer(fovea_pool_create(0)).get()), 1);
  EXPECT_EQ(fovea_pool_size(PoolPointer(fovea_pool_create(-5)).get()), 1);
  fovea_pool_destroy(nullptr);
}

TEST(StandalonePoolTest, ServesManyCallers) {
  PoolPointer pool(fovea_pool_create(3));
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      for (int round = 0; round < 100; ++round)
        expectEachOnce(pool.get(), 50);
    });
  for (std::thread &caller : callers)
    caller.join();
}

// A pool may end before its threads have begun, while they wait, and right after a loop.
TEST(StandalonePoolTest, ManyPoolsComeAndGo) {
  for (int round = 0; round < 100; ++round) {
    PoolPointer pool(fovea_pool_create(1 + round % 5));
    if (round % 3)
      expectEachOnce(pool.get(), 9);
  }
}

namespace {
struct Ranges {
  std::mutex lock;
  std::vector<int64_t> sizes;
};
} // namespace

static void recordRange(void *closure, int64_t begin, int64_t end, int64_t) {
  auto &ranges = *static_cast<Ranges *>(closure);
  std::lock_guard<std::mutex> guard(ranges.lock);
  ranges.sizes.push_back(end - begin);
}

/// The sizes of the ranges that a loop is cut into, from the shortest.
static std::vector<int64_t> cut(int64_t threads, int64_t count) {
  PoolPointer pool(fovea_pool_create(threads));
  Ranges ranges;
  fovea_pool_run(pool.get(), count, recordRange, &ranges);
  std::sort(ranges.sizes.begin(), ranges.sizes.end());
  return ranges.sizes;
}

TEST(StandalonePoolTest, RangesShrink) {
  using Sizes = std::vector<int64_t>;
  // Each thread's half: the caller may have taken both.
  EXPECT_EQ(cut(2, 64), (Sizes{1, 1, 1, 1, 2, 2, 4, 4, 8, 8, 16, 16}));
  // A loop of as many tasks as threads has one each.
  EXPECT_EQ(cut(3, 3), (Sizes{1, 1, 1}));
  EXPECT_EQ(cut(3, 11), (Sizes{1, 1, 1, 1, 1, 1, 1, 2, 2}));
  EXPECT_EQ(cut(1, 9), (Sizes{9}));
}

static void copyReversed(void *closure, int64_t begin, int64_t end, int64_t) {
  auto &[from, to] = *static_cast<std::pair<const int *, int *> *>(closure);
  for (int64_t i = begin; i < end; ++i)
    to[i] = from[499 - i] + 1;
}

// Plain memory written by one loop is read by the next on other threads: TSan sees a race if the
// pool does not order them.
TEST(StandalonePoolTest, LoopsAreOrdered) {
  PoolPointer pool(fovea_pool_create(4));
  std::vector<int> a(500), b(500);
  for (int round = 0; round < 200; ++round) {
    std::pair<const int *, int *> there(a.data(), b.data()), back(b.data(), a.data());
    fovea_pool_run(pool.get(), 500, copyReversed, &there);
    fovea_pool_run(pool.get(), 500, copyReversed, &back);
  }
  EXPECT_EQ(a, std::vector<int>(500, 400));
}
