// A loop is cut into ranges, and `tickets` counts those handed out: bits 0-14 hold the number of
// ranges, bits 15-29 the next one, bit 31 asks the workers to end. A thread takes a range by
// raising the next one with a compare-and-swap, and only then reads the loop's fields: they
// cannot change before its range is finished. A worker that wakes late therefore finds either no
// ticket or a valid one, whatever loop it belongs to, and nobody ever waits for a worker that has
// taken nothing.
#include "runtime/ThreadPool.h"
#include <algorithm>
#include <sched.h>
#include <system_error>

using namespace fovea;

static constexpr uint32_t fieldBits = 15;
static constexpr uint32_t fieldMask = (1u << fieldBits) - 1;
static constexpr uint32_t stopBit = 1u << 31;

// Short enough that a waiting thread costs others little, longer than the gap between two loops.
static constexpr int spins = 2000;

// More ranges than threads, so that a thread whose ranges are short takes more of them.
static constexpr int64_t rangesPerThread = 8;

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

/// Returns once `ready(value)` holds: at first by looking often, then asleep.
template <typename Ready>
static uint32_t waitUntil(const std::atomic<uint32_t> &value, Ready ready) {
  for (int i = 0; i < spins; ++i, relax())
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
  threads = std::min(threads == 0 ? availableThreads() : threads, maxThreads);
  workers.reserve(threads - 1);
  // The one call whose failure comes as an exception; fewer threads give the same results.
  try {
    for (unsigned worker = 1; worker < threads; ++worker)
      workers.emplace_back([this, worker] { workerMain(worker); });
  } catch (const std::system_error &) {
  }
}

ThreadPool::~ThreadPool() {
  tickets.store(stopBit, std::memory_order_release);
  tickets.notify_all();
  for (std::thread &worker : workers)
    worker.join();
}

bool ThreadPool::runOneRange(int64_t worker) {
  uint32_t now = tickets.load(std::memory_order_acquire);
  do {
    if (!hasTicket(now))
      return false;
  } while (!tickets.compare_exchange_weak(now, now + (1u << fieldBits), std::memory_order_acq_rel,
                                          std::memory_order_acquire));
  int64_t begin = ((now >> fieldBits) & fieldMask) * rangeSize;
  task(closure, begin, begin + std::min(rangeSize, count - begin), worker);
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
  int64_t wantedRanges = std::min<int64_t>(newCount, size() * rangesPerThread);
  task = newTask;
  closure = newClosure;
  count = newCount;
  rangeSize = (newCount - 1) / wantedRanges + 1;
  uint32_t ranges = static_cast<uint32_t>((newCount - 1) / rangeSize + 1);
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
