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
  /// Ranges of one size that lie side by side, one a thread; of the last round any number.
  struct Round {
    int64_t begin, size;
  };
  /// Each round halves what is left, so the last range is short whatever a task costs.
  static constexpr int64_t maxRounds = 7;

  void startWorkers(unsigned threads);
  void workerMain(int64_t worker);
  int64_t cut(int64_t newCount);
  bool runOneRange(int64_t worker);
  template <typename Ready>
  uint32_t waitUntil(const std::atomic<uint32_t> &value, Ready ready) const;

  std::vector<Worker> workers;
  bool spins;      // whether who waits may keep a CPU for a moment
  unsigned forks;  // of this process when the workers were started
  std::mutex busy; // held by the thread whose loop the pool runs

  // The loop. Only who holds an unfinished range of it may read these.
  fovea_task task = nullptr;
  void *closure = nullptr;
  int64_t count = 0;
  int64_t rounds = 0;
  Round round[maxRounds];

  // On cache lines of their own: all threads write them.
  alignas(64) std::atomic<uint32_t> tickets{0};    // see ThreadPool.cpp
  alignas(64) std::atomic<uint32_t> unfinished{0}; // ranges that are not done
};

/// CPUs that this process may use, at least 1.
unsigned availableThreads();

} // namespace fovea

#endif // FOVEA_RUNTIME_THREADPOOL_H
