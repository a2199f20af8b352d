#include "runtime/ThreadPool.h"
#include "gtest/gtest.h"
#include <atomic>
#include <functional>
#include <limits>
#include <numeric>
#include <sys/resource.h>
#include <thread>

using namespace fovea;

using Task = std::function<void(int64_t begin, int64_t end, int64_t worker)>;

static void callTask(void *closure, int64_t begin, int64_t end, int64_t worker) {
  (*static_cast<const Task *>(closure))(begin, end, worker);
}

static void parallelFor(ThreadPool &pool, int64_t count, Task task) {
  pool.parallelFor(count, callTask, &task);
}

TEST(ThreadPoolTest, CoversEachTaskOnce) {
  for (unsigned threads : {1u, 2u, 3u, 8u}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), threads);
    for (int64_t count : {0, 1, 2, 7, 64, 1000, 100003}) {
      std::vector<std::atomic<int>> seen(count);
      parallelFor(pool, count, [&](int64_t begin, int64_t end, int64_t worker) {
        EXPECT_LE(0, begin);
        EXPECT_LT(begin, end);
        EXPECT_LT(worker, threads);
        for (int64_t i = begin; i < end; ++i)
          ++seen[i];
      });
      for (auto &times : seen)
        ASSERT_EQ(times, 1) << count;
    }
  }
}

TEST(ThreadPoolTest, NegativeCountRunsNothing) {
  ThreadPool pool(2);
  parallelFor(pool, -1, [](int64_t, int64_t, int64_t) { FAIL(); });
}

TEST(ThreadPoolTest, CountsNearTheLimitDoNotOverflow) {
  ThreadPool pool(2);
  std::atomic<int64_t> total = 0;
  int64_t count = std::numeric_limits<int64_t>::max();
  parallelFor(pool, count, [&](int64_t begin, int64_t end, int64_t) { total += end - begin; });
  EXPECT_EQ(total, count);
}

// Ranges get shorter as less is left, so that no thread waits long for another.
TEST(ThreadPoolTest, RangesGetShorter) {
  ThreadPool pool(2);
  for (int64_t count : {100, 1000, 100000}) {
    std::mutex mutex;
    int64_t shortest = count, longest = 0, ranges = 0;
    parallelFor(pool, count, [&](int64_t begin, int64_t end, int64_t) {
      std::lock_guard<std::mutex> lock(mutex);
      ++ranges;
      shortest = std::min(shortest, end - begin);
      longest = std::max(longest, end - begin);
    });
    EXPECT_LE(shortest, std::max<int64_t>(1, count / 100)) << count;
    EXPECT_EQ(longest, count / 4) << count;
    EXPECT_LE(ranges, 24) << count;
  }
}

// A thread reads on where it was: its ranges follow each other until it helps others.
TEST(ThreadPoolTest, RangesOfAThreadFollowEachOther) {
  constexpr int64_t threads = 2, count = 1000, half = count / threads;
  ThreadPool pool(threads);
  std::atomic<int64_t> begun = 0;
  std::vector<int64_t> ends = {0, half};
  parallelFor(pool, count, [&](int64_t begin, int64_t end, int64_t worker) {
    if (ends[worker] == worker * half) // none runs out of work before the other begins
      for (++begun; begun < threads;)
        std::this_thread::yield();
    if (begin < half == (worker == 0)) {
      EXPECT_EQ(begin, ends[worker]);
      ends[worker] = end;
    }
  });
}

// As many tasks as threads are for one thread each: they may wait for each other.
TEST(ThreadPoolTest, TasksOfAllThreadsMayMeet) {
  for (unsigned threads : {2u, 3u, 8u}) {
    ThreadPool pool(threads);
    std::atomic<unsigned> begun = 0;
    parallelFor(pool, threads, [&](int64_t begin, int64_t end, int64_t) {
      EXPECT_EQ(end - begin, 1);
      for (++begun; begun < threads;)
        std::this_thread::yield();
    });
  }
}

// Calls that overlap have different workers: each worker's flag is free when it starts.
TEST(ThreadPoolTest, WorkersAreExclusive) {
  ThreadPool pool(4);
  std::vector<std::atomic<bool>> inUse(4);
  for (int round = 0; round < 200; ++round)
    parallelFor(pool, 64, [&](int64_t, int64_t, int64_t worker) {
      EXPECT_FALSE(inUse[worker].exchange(true));
      EXPECT_TRUE(inUse[worker].exchange(false));
    });
}

// Plain memory written by one loop is read by the next on other threads: TSan sees a race if the
// pool does not order them.
TEST(ThreadPoolTest, LoopsAreOrdered) {
  ThreadPool pool(4);
  std::vector<int> a(500), b(500);
  for (int round = 0; round < 500; ++round) {
    parallelFor(pool, 500, [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t i = begin; i < end; ++i)
        a[i] = b[499 - i] + 1;
    });
    parallelFor(pool, 500, [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t i = begin; i < end; ++i)
        b[i] = a[499 - i];
    });
  }
  EXPECT_EQ(std::accumulate(b.begin(), b.end(), 0), 500 * 500);
}

TEST(ThreadPoolTest, WakesAfterSleeping) {
  ThreadPool pool(3);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::atomic<int64_t> total = 0;
    parallelFor(pool, 30, [&](int64_t begin, int64_t end, int64_t) { total += end - begin; });
    EXPECT_EQ(total, 30);
  }
}

static double processorSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](timeval time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Who waits for a loop soon sleeps: of three threads for 200 ms nothing is left that shows.
TEST(ThreadPoolTest, IdleWorkersTakeNoTime) {
  ThreadPool pool(4);
  parallelFor(pool, 100, [](int64_t, int64_t, int64_t) {});
  double before = processorSeconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_LT(processorSeconds() - before, 0.05);
}

TEST(ThreadPoolTest, NestedLoopsKeepTheirWorker) {
  ThreadPool pool(4);
  std::atomic<int64_t> total = 0;
  std::vector<std::atomic<bool>> inUse(4);
  parallelFor(pool, 16, [&](int64_t begin, int64_t end, int64_t outer) {
    for (int64_t i = begin; i < end; ++i)
      parallelFor(pool, 10, [&](int64_t innerBegin, int64_t innerEnd, int64_t inner) {
        EXPECT_EQ(inner, outer);
        EXPECT_FALSE(inUse[inner].exchange(true));
        total += innerEnd - innerBegin;
        inUse[inner] = false;
      });
  });
  EXPECT_EQ(total, 160);
}

TEST(ThreadPoolTest, PoolsCanNest) {
  ThreadPool outer(2), inner(3);
  std::atomic<int64_t> total = 0;
  parallelFor(outer, 8, [&](int64_t begin, int64_t end, int64_t) {
    for (int64_t i = begin; i < end; ++i)
      parallelFor(inner, 10, [&](int64_t b, int64_t e, int64_t) { total += e - b; });
  });
  EXPECT_EQ(total, 80);
}

// A task of the outer pool reaches it again through another pool: it is still the same worker.
TEST(ThreadPoolTest, NestedLoopsKeepTheirWorkerThroughAnotherPool) {
  ThreadPool outer(3), inner(1);
  std::atomic<int64_t> total = 0;
  parallelFor(outer, 12, [&](int64_t begin, int64_t end, int64_t worker) {
    parallelFor(inner, end - begin, [&](int64_t, int64_t, int64_t) {
      parallelFor(outer, 1, [&](int64_t, int64_t, int64_t again) {
        EXPECT_EQ(again, worker);
        ++total;
      });
    });
  });
  EXPECT_GT(total, 0);
}

TEST(ThreadPoolTest, ManyThreadsShareAPool) {
  ThreadPool pool(3);
  std::vector<std::thread> users;
  std::atomic<int64_t> total = 0;
  for (int user = 0; user < 4; ++user)
    users.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        std::vector<int> mine(40); // each task has its own element
        parallelFor(pool, 40, [&](int64_t begin, int64_t end, int64_t) {
          for (int64_t i = begin; i < end; ++i)
            ++mine[i];
        });
        total += std::accumulate(mine.begin(), mine.end(), 0);
      }
    });
  for (std::thread &user : users)
    user.join();
  EXPECT_EQ(total, 4 * 200 * 40);
}

TEST(ThreadPoolTest, ManyPoolsComeAndGo) {
  for (int round = 0; round < 100; ++round) {
    ThreadPool pool(1 + round % 5);
    std::atomic<int64_t> total = 0;
    if (round % 3)
      parallelFor(pool, 9, [&](int64_t begin, int64_t end, int64_t) { total += end - begin; });
    EXPECT_EQ(total, round % 3 ? 9 : 0);
  }
}

TEST(ThreadPoolTest, BoundsThreads) {
  EXPECT_GE(availableThreads(), 1u);
  EXPECT_EQ(ThreadPool(0).size(), std::min(availableThreads(), ThreadPool::maxThreads));
}

#if !defined(__has_feature)
#define __has_feature(x) 0
#endif
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
// Without address space for stacks the system refuses threads; the pool goes on with fewer. The
// first of these tests: stacks of threads that ended are used again.
TEST(ThreadPoolDeathTest, GoesOnWithoutThreads) {
  auto child = [] {
    rlimit limit = {1, 1};
    setrlimit(RLIMIT_AS, &limit);
    ThreadPool pool(8);
    int64_t total = 0;
    parallelFor(pool, 10, [&](int64_t begin, int64_t end, int64_t) { total += end - begin; });
    _exit(pool.size() == 1 && total == 10 ? 0 : 1);
  };
  EXPECT_EXIT(child(), ::testing::ExitedWithCode(0), "");
}

// Workers do not follow a process that is forked. The child starts its own, and ends.
TEST(ThreadPoolDeathTest, WorksInAForkedProcess) {
  auto child = [](ThreadPool &pool, ThreadPool *unused) {
    std::atomic<unsigned> begun = 0;
    parallelFor(pool, 3, [&](int64_t, int64_t, int64_t) {
      for (++begun; begun < 3;)
        std::this_thread::yield();
    });
    delete unused;
    pool.~ThreadPool();
    _exit(begun == 3 ? 0 : 1);
  };
  ThreadPool pool(3);
  auto unused = std::make_unique<ThreadPool>(2);
  EXPECT_EXIT(child(pool, unused.get()), ::testing::ExitedWithCode(0), "");
  std::atomic<int64_t> total = 0;
  parallelFor(pool, 30, [&](int64_t begin, int64_t end, int64_t) { total += end - begin; });
  EXPECT_EQ(total, 30);
}
#endif
