#include "runtime/Memory.h"
#include "runtime/tensor/LargePages.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <atomic>
#include <iterator>
#include <limits>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <unistd.h>

using namespace fovea;

static constexpr int64_t alignment = 64;

static int64_t askPhysicalMemory() {
  int64_t pages = sysconf(_SC_PHYS_PAGES), pageSize = sysconf(_SC_PAGESIZE), bytes = 0;
  if (pages <= 0 || pageSize <= 0 || llvm::MulOverflow(pages, pageSize, bytes))
    return std::numeric_limits<int64_t>::max();
  return bytes;
}

// Each run compares sizes with it, some dozen times; the system takes microseconds to answer.
int64_t fovea::physicalMemory() {
  static const int64_t bytes = askPhysicalMemory();
  return bytes;
}

#ifdef __GLIBC__
/// As keepFreeMemory was told; 0 if it never was.
static std::atomic<int> bytesKept = 0;

namespace {
/// The allocator keeps little while it lives.
class KeepsLittle {
public:
  KeepsLittle() { set(std::min<int>(bytesKept, 128 << 10)); }
  ~KeepsLittle() { set(bytesKept); }

private:
  static void set(int bytes) {
    if (bytesKept > 0)
      mallopt(M_TRIM_THRESHOLD, bytes);
  }
};
} // namespace

/// The allocator has memory for each thread, and malloc_trim leaves all that is free at its end.
/// That goes where a large piece is freed.
static void returnEndOfThread() {
  void *volatile piece = std::malloc(64 << 10); // volatile: the pair would be optimised away
  std::free(piece);
}
#endif

void fovea::returnFreeMemory(llvm::function_ref<void()> destroy) {
#ifdef __GLIBC__
  KeepsLittle little;
  destroy();
  malloc_trim(0);
  returnEndOfThread();
#else
  destroy();
#endif
}

void fovea::keepFreeMemory(int bytes) {
#ifdef __GLIBC__
  bytesKept = bytes;
  mallopt(M_TRIM_THRESHOLD, bytes);
  // Setting the one fixes the other, so that pieces of 128 KiB would be mapped anew each time: the
  // logits of a token, for one. Larger buffers than those of a batch go back when they are freed.
  mallopt(M_MMAP_THRESHOLD, 8 << 20);
#endif
}

std::string fovea::formatBytes(int64_t bytes) {
  static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes);
  unsigned unit = 0;
  for (; value >= 1024 && unit < std::size(units) - 1; ++unit)
    value /= 1024;
  if (unit == 0)
    return llvm::formatv("{0} bytes", bytes);
  return llvm::formatv("{0:f1} {1}", value, units[unit]);
}

llvm::Error ReusableBuffer::reserve(int64_t bytes) {
  if (memory && bytes <= capacity)
    return llvm::Error::success();
  // First the old memory: both at once may not fit.
  memory.reset();
  capacity = 0;
  memory.reset(allocateWithLargePages(bytes, alignment));
  if (!memory)
    return llvm::createStringError("no memory for " + formatBytes(bytes));
  capacity = bytes;
  return llvm::Error::success();
}
