#include "runtime/tensor/LargePages.h"
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <memory>

using fovea::allocateWithLargePages;

using Memory = std::unique_ptr<void, decltype(&std::free)>;

static Memory allocate(size_t bytes, size_t alignment) {
  return Memory(allocateWithLargePages(bytes, alignment), std::free);
}

TEST(LargePages, AreAlignedAndWritable) {
  for (size_t bytes : {size_t(0), size_t(1), size_t(100), size_t(9) << 20}) {
    Memory memory = allocate(bytes, 64);
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.get()) % 64, 0u);
    std::memset(memory.get(), 1, bytes);
  }
}

TEST(LargePages, KeepALargerAlignment) {
  constexpr size_t alignment = size_t(4) << 20;
  Memory memory = allocate(size_t(16) << 20, alignment);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.get()) % alignment, 0u);
}

TEST(LargePages, AreNullForSizesThatWrapAround) {
  EXPECT_EQ(allocate(SIZE_MAX, 64), nullptr);
  EXPECT_EQ(allocate(SIZE_MAX - 63, 64), nullptr);
}
