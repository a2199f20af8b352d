// A loop is cut into ranges, and `tickets` counts those handed out: bits 0-14 hold the number of
// ranges, bits 15-29 the next one, bit 31 asks the workers to end. A thread takes a range by
// raising the next one with a compare-and-swap, and only then reads the loop's fields: they
// cannot change before its range is finished. A worker that wakes late therefore finds either no
// ticket or a valid one, whatever loop it belongs to, and nobody ever waits for a worker that has
// taken nothing.
#include "runtime/ThreadPool.h"
#include "runtime/Stopwatch.h"
#include <algorithm>
#include <sched.h>
#include <thread>

using namespace fovea;

static constexpr uint32_t fieldBits = 15;
static constexpr uint32_t fieldMask = (1u << fieldBits) - 1;
static constexpr uint32_t stopBit = 1u << 31;

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

static bool hasTicket(uint32_t tickets) {
  return ((tickets >> fieldBits) & fieldMask) < (tickets & fieldMask);
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
  tickets.store(stopBit, std::memory_order_release);
  tickets.notify_all();
  for (const Worker &worker : workers)
    pthread_join(worker.thread, nullptr);
}

void ThreadPool::startWorkers(unsigned threads) {
  forks = countForks();
  tickets.store(0, std::memory_order_relaxed);
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

/// Cuts a loop into ranges and returns their number: half of it into one a thread, half of the rest
/// again, and so on. At least one task a range; a loop of as many tasks as threads has one each.
int64_t ThreadPool::cut(int64_t newCount) {
  int64_t threads = size(), begin = 0;
  count = newCount;
  for (rounds = 0; rounds + 1 < maxRounds; ++rounds) {
    int64_t rangeSize = (count - begin) / (2 * threads);
    if (rangeSize <= 1)
      break;
    round[rounds] = {begin, rangeSize};
    begin += threads * rangeSize;
  }
  int64_t left = count - begin;
  // After all rounds little is left; before, less than 4 tasks a thread.
  int64_t rangeSize = rounds + 1 < maxRounds ? 1 : (left - 1) / threads + 1;
  round[rounds] = {begin, rangeSize};
  return rounds++ * threads + (left - 1) / rangeSize + 1;
}

bool ThreadPool::runOneRange(int64_t worker) {
  uint32_t now = tickets.load(std::memory_order_acquire);
  do {
    if (!hasTicket(now))
      return false;
  } while (!tickets.compare_exchange_weak(now, now + (1u << fieldBits), std::memory_order_acq_rel,
                                          std::memory_order_acquire));
  int64_t ticket = (now >> fieldBits) & fieldMask, threads = size();
  int64_t number = std::min(ticket / threads, rounds - 1);
  int64_t begin = round[number].begin + (ticket - number * threads) * round[number].size;
  task(closure, begin, begin + std::min(round[number].size, count - begin), worker);
  if (unfinished.fetch_sub(1, std::memory_order_acq_rel) == 1)
    unfinished.notify_one();
  return true;
}

void ThreadPool::workerMain(int64_t worker) {
  Role role = {this, worker, nullptr};
  innermostRole = &role;
  auto wanted = [](uint32_t now) { return hasTicket(now) || (now & stopBit); };
  while (!(waitUntil(tickets, wanted) & stopBit))
    while (runOneRange(worker))
      ;
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
  auto ranges = static_cast<uint32_t>(cut(newCount));
  unfinished.store(ranges, std::memory_order_relaxed);
  tickets.store(ranges, std::memory_order_release);
  tickets.notify_all();

  Role role = {this, 0, innermostRole};
  innermostRole = &role;
  while (runOneRange(0))
    ;
  innermostRole = role.outer;
  waitUntil(unfinished, [](uint32_t left) { return left == 0; });
}
