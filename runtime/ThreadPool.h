// Persistent worker threads for compiled code: the `parallel_for` of runtime/Abi.h. A pool of n
// threads keeps n - 1 workers; the thread that calls takes part. Workers spin for a moment
// between loops, since the loops of one model follow each other closely, and then sleep. In a
// process that was forked a pool starts its workers anew.
#ifndef FOVEA_RUNTIME_THREADPOOL_H
#define FOVEA_RUNTIME_THREADPOOL_H

#include "runtime/Abi.h"
#include <atomic>
#include <cstdint>
#include <mutex>
#include <pthread.h>
#include <vector>

namespace fovea {

class ThreadPool {
public:
  static constexpr unsigned maxThreads = 1024;

  /// A pool that runs loops on `threads` threads, the caller's included; 0 means one for each
  /// CPU this process may use. If the system refuses some threads the pool has fewer.
  explicit ThreadPool(unsigned threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  /// The number of threads that loops run on, from 1 to maxThreads.
  unsigned size() const { return static_cast<unsigned>(workers.size()) + 1; }

  /// Calls `task(closure, begin, end, worker)` on disjoint ranges that cover 0..count-1 and
  /// returns when all are done. Calls of this loop that overlap in time have different
  /// `worker`s, below size(). If the pool is busy with another thread's loop, the calling thread
  /// runs the whole of its own as worker 0; if a task calls, as the worker it is already.
  void parallelFor(int64_t count, fovea_task task, void *closure);

  /// The same as a fovea_context's `parallel_for`, whose `pool` is the ThreadPool.
  static void run(void *pool, int64_t count, fovea_task task, void *closure) {
    static_cast<ThreadPool *>(pool)->parallelFor(count, task, closure);
  }

private:
  struct Worker {
    ThreadPool *pool;
    int64_t number; // from 1 on; 0 is the caller
    pthread_t thread;
  };
  /// What is left of a thread's part of the loop: the first unit in the low half, the end in the
  /// high one. On a cache line of its own.
  struct alignas(64) Share {
    std::atomic<uint64_t> left{0};
  };
  /// Some units, and none where a share had none left.
  struct Range {
    uint32_t begin, end;
  };

  void startWorkers(unsigned threads);
  void workerMain(int64_t worker);
  void share(int64_t newCount);
  Range take(Share &from, bool isOwn);
  Range takeAny(int64_t worker);
  void runRanges(int64_t worker);
  template <typename Ready>
  uint32_t waitUntil(const std::atomic<uint32_t> &value, Ready ready) const;

  std::vector<Worker> workers;
  std::vector<Share> shares; // one a thread
  bool spins;                // whether who waits may keep a CPU for a moment
  unsigned forks;            // of this process when the workers were started
  std::mutex busy;           // held by the thread whose loop the pool runs

  // What a worker reads of a loop that begins, on the cache line that it watches. Only who holds an
  // unfinished range may read the fields, `loops` everyone.
  alignas(64) fovea_task task = nullptr;
  void *closure = nullptr;
  int64_t count = 0;
  int64_t unit = 1;                  // tasks of a unit, more than 1 where there are more than 2^31
  uint32_t units = 0;                // in the loop
  std::atomic<uint32_t> smallest{1}; // units that a range has at least; read before one is taken
  std::atomic<uint32_t> loops{0};    // see ThreadPool.cpp
  alignas(64) std::atomic<uint32_t> unfinished{0}; // units that are not done
};

/// CPUs that this process may use, at least 1.
unsigned availableThreads();

} // namespace fovea

#endif // FOVEA_RUNTIME_THREADPOOL_H
