#include "runtime/tensor/LargePages.h"
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <sys/mman.h>

static constexpr size_t largePage = size_t(2) << 20;
static constexpr size_t fewestBytes = 4 * largePage; // what the last page wastes is little of it

void *fovea::allocateWithLargePages(size_t bytes, size_t alignment) {
  bool large = bytes >= fewestBytes;
  if (large)
    alignment = std::max(alignment, largePage);
  // aligned_alloc wants a multiple of the alignment; what is empty still has an address.
  size_t atLeast = std::max<size_t>(bytes, 1);
  if (atLeast > SIZE_MAX - alignment)
    return nullptr;
  size_t rounded = (atLeast + alignment - 1) / alignment * alignment;
  void *memory = std::aligned_alloc(alignment, rounded);
#ifdef MADV_HUGEPAGE
  // A hint: without it results are the same.
  if (memory && large)
    madvise(memory, rounded, MADV_HUGEPAGE);
#endif
  return memory;
}
