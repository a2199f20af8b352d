// Memory that grows and is kept, and what the machine has of it.
#ifndef FOVEA_RUNTIME_MEMORY_H
#define FOVEA_RUNTIME_MEMORY_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

namespace fovea {

/// Bytes of physical memory; the largest int64_t if the system does not say.
int64_t physicalMemory();

/// Gives memory that was freed back to the system, where the allocator would keep it: of this
/// thread, and what `destroy` frees of that of others.
void returnFreeMemory(llvm::function_ref<void()> destroy = [] {});

/// Lets the allocator keep that much memory that was freed, by default about what a compilation
/// takes, so that the next phase need not ask the system for it again. Of the whole process: for a
/// program to choose.
void keepFreeMemory(int bytes = 64 << 20);

/// "1.5 GiB".
std::string formatBytes(int64_t bytes);

/// Memory aligned to 64 bytes that keeps the largest size it was ever asked for.
class ReusableBuffer {
public:
  /// Makes room for `bytes`; what was in the buffer is lost if it has to grow.
  llvm::Error reserve(int64_t bytes);

  /// Null before the first reservation.
  void *data() const { return memory.get(); }

private:
  struct Free {
    void operator()(void *memory) const { std::free(memory); }
  };

  std::unique_ptr<void, Free> memory;
  int64_t capacity = 0;
};

} // namespace fovea

#endif // FOVEA_RUNTIME_MEMORY_H
