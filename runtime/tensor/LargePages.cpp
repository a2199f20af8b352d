#include "runtime/tensor/LargePages.h"
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <sys/mman.h>

static constexpr size_t largePage = size_t(2) << 20;
static constexpr size_t fewestBytes = largePage;

void *fovea::allocateWithLargePages(size_t bytes, size_t alignment) {
  bool large = bytes >= fewestBytes;
  if (large)
    alignment = std::max(alignment, largePage);
  // posix_memalign wants whole pointers. What is empty still has an address.
  alignment = std::max(alignment, sizeof(void *));
  void *memory = nullptr;
  if (posix_memalign(&memory, alignment, std::max<size_t>(bytes, 1)) != 0)
    return nullptr;
#ifdef MADV_HUGEPAGE
  // A hint: without it results are the same. A large page for the rest would waste most of it.
  if (large)
    madvise(memory, bytes / largePage * largePage, MADV_HUGEPAGE);
#endif
  return memory;
}
