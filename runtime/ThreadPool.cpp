// Each thread has a share of a loop, neighbouring tasks, and takes ranges from its begin, so that
// it goes on where it was and what it reads in order is fetched ahead by the processor; once its
// share is empty it takes ranges from the end of others'. A thread takes a range by a
// compare-and-swap of what is left of a share, and only then reads the loop's fields: they cannot
// change before its range is finished. A worker that wakes late therefore finds either nothing left
// or a valid range, whatever loop it belongs to, and nobody ever waits for a worker that has taken
// nothing. `loops` says that there is something new: it grows by 2 with each loop, and bit 0 asks
// the workers to end.
#include "runtime/ThreadPool.h"
#include "runtime/Stopwatch.h"
#include <algorithm>
#include <sched.h>
#include <thread>

using namespace fovea;

static constexpr uint32_t stopBit = 1, oneLoop = 2;
static constexpr int64_t maxUnits = int64_t(1) << 31;
/// The shortest range of a share, in parts of it.
static constexpr uint32_t shortest = 64;

// Short enough that a waiting thread costs others little, longer than the gap between two loops,
// and than waking up takes.
static constexpr std::chrono::microseconds spinTime(100);
static constexpr int spinsBetweenClocks = 64; // some microseconds

namespace {
/// That the running thread runs a task of a pool, perhaps from within a task of another.
struct Role {
  const ThreadPool *pool;
  int64_t worker;
  const Role *outer;
};
} // namespace

static thread_local const Role *innermostRole = nullptr;

static const Role *findRole(const ThreadPool *pool) {
  const Role *role = innermostRole;
  while (role && role->pool != pool)
    role = role->outer;
  return role;
}

static void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// How often this process, or one that it comes from, was forked since the first pool was made.
static std::atomic<unsigned> forkCount{0};

static unsigned countForks() {
  static std::once_flag once;
  std::call_once(once, [] { pthread_atfork(nullptr, nullptr, [] { ++forkCount; }); });
  return forkCount.load(std::memory_order_relaxed);
}

/// Returns once `ready(value)` holds: at first by looking often, then asleep.
template <typename Ready>
uint32_t ThreadPool::waitUntil(const std::atomic<uint32_t> &value, Ready ready) const {
  for (Clock::time_point end = Clock::now() + spinTime; spins && Clock::now() < end;)
    for (int i = 0; i < spinsBetweenClocks; ++i, relax())
      if (uint32_t now = value.load(std::memory_order_acquire); ready(now))
        return now;
  while (true) {
    uint32_t now = value.load(std::memory_order_acquire);
    if (ready(now))
      return now;
    value.wait(now, std::memory_order_acquire);
  }
}

unsigned fovea::availableThreads() {
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
    return std::max(CPU_COUNT(&cpus), 1);
  return std::max(std::thread::hardware_concurrency(), 1u);
}

ThreadPool::ThreadPool(unsigned threads) {
  unsigned available = availableThreads();
  threads = std::min(threads == 0 ? available : threads, maxThreads);
  // Else who spins keeps another thread from working.
  spins = threads <= available;
  startWorkers(threads);
}

ThreadPool::~ThreadPool() {
  // Those of the parent process do not end for this one.
  if (forks != countForks())
    return;
  loops.fetch_or(stopBit, std::memory_order_release);
  loops.notify_all();
  for (const Worker &worker : workers)
    pthread_join(worker.thread, nullptr);
}

void ThreadPool::startWorkers(unsigned threads) {
  forks = countForks();
  loops.store(0, std::memory_order_relaxed);
  shares = std::vector<Share>(threads);
  workers.clear();
  // Workers know their places.
  workers.reserve(threads - 1);
  auto run = [](void *argument) -> void * {
    auto *self = static_cast<Worker *>(argument);
    self->pool->workerMain(self->number);
    return nullptr;
  };
  for (unsigned number = 1; number < threads; ++number) {
    Worker &worker = workers.emplace_back(Worker{this, number, {}});
    // Fewer threads give the same results.
    if (pthread_create(&worker.thread, nullptr, run, &worker) != 0)
      return workers.pop_back();
  }
}

static uint64_t pack(uint32_t begin, uint32_t end) { return uint64_t(end) << 32 | begin; }

/// Gives each thread its share of the loop, which others may begin to run at once.
void ThreadPool::share(int64_t newCount) {
  count = newCount;
  unit = (count - 1) / maxUnits + 1;
  units = static_cast<uint32_t>((count - 1) / unit + 1);
  uint64_t threads = size(), all = units;
  smallest.store(std::max<uint32_t>(units / (threads * shortest), 1), std::memory_order_relaxed);
  unfinished.store(units, std::memory_order_relaxed);
  for (uint64_t i = 0; i < threads; ++i)
    shares[i].left.store(pack(static_cast<uint32_t>(all * i / threads),
                              static_cast<uint32_t>(all * (i + 1) / threads)),
                         std::memory_order_release);
}

/// Half of what is left, so that the last range is short whatever a task costs. The owner takes the
/// first units, others the last ones.
ThreadPool::Range ThreadPool::take(Share &from, bool isOwn) {
  uint64_t now = from.left.load(std::memory_order_acquire);
  while (true) {
    auto begin = static_cast<uint32_t>(now), end = static_cast<uint32_t>(now >> 32);
    if (begin == end)
      return {0, 0};
    uint32_t least = smallest.load(std::memory_order_relaxed);
    uint32_t size = std::min(std::max((end - begin) / 2, least), end - begin);
    Range taken = isOwn ? Range{begin, begin + size} : Range{end - size, end};
    uint64_t left = isOwn ? pack(taken.end, end) : pack(begin, taken.begin);
    if (from.left.compare_exchange_weak(now, left, std::memory_order_acq_rel,
                                        std::memory_order_acquire))
      return taken;
  }
}

ThreadPool::Range ThreadPool::takeAny(int64_t worker) {
  Range range = take(shares[worker], /*isOwn=*/true);
  for (int64_t i = 1; range.begin == range.end && i < size(); ++i)
    range = take(shares[(worker + i) % size()], /*isOwn=*/false);
  return range;
}

/// Runs ranges until there is none left. The loop goes on at least until it says what it has done.
void ThreadPool::runRanges(int64_t worker) {
  uint32_t done = 0;
  for (Range range; range = takeAny(worker), range.begin != range.end;
       done += range.end - range.begin)
    task(closure, range.begin * unit, range.end == units ? count : range.end * unit, worker);
  if (done > 0 && unfinished.fetch_sub(done, std::memory_order_acq_rel) == done)
    unfinished.notify_one();
}

void ThreadPool::workerMain(int64_t worker) {
  Role role = {this, worker, nullptr};
  innermostRole = &role;
  uint32_t seen = 0;
  while (true) {
    seen = waitUntil(loops, [&](uint32_t now) { return now != seen; });
    if (seen & stopBit)
      return;
    runRanges(worker);
  }
}

void ThreadPool::parallelFor(int64_t newCount, fovea_task newTask, void *newClosure) {
  if (newCount <= 0)
    return;
  if (const Role *role = findRole(this))
    return newTask(newClosure, 0, newCount, role->worker);
  if (workers.empty() || newCount == 1 || !busy.try_lock())
    return newTask(newClosure, 0, newCount, 0);
  std::lock_guard<std::mutex> lock(busy, std::adopt_lock);
  if (forks != forkCount.load(std::memory_order_relaxed))
    startWorkers(size());
  task = newTask;
  closure = newClosure;
  share(newCount);
  loops.fetch_add(oneLoop, std::memory_order_release);
  loops.notify_all();

  Role role = {this, 0, innermostRole};
  innermostRole = &role;
  runRanges(0);
  innermostRole = role.outer;
  waitUntil(unfinished, [](uint32_t left) { return left == 0; });
}
