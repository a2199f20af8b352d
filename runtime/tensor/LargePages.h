// Memory for tensors and scratch buffers.
#ifndef FOVEA_RUNTIME_TENSOR_LARGEPAGES_H
#define FOVEA_RUNTIME_TENSOR_LARGEPAGES_H

#include <cstddef>

namespace fovea {

/// Memory of at least `bytes` bytes on a multiple of `alignment`, a power of two, for std::free;
/// null if there is none. Asks the system for large pages where they pay: who reads much memory in
/// kilobytes here and there would else look up as many pages.
void *allocateWithLargePages(size_t bytes, size_t alignment);

} // namespace fovea

#endif // FOVEA_RUNTIME_TENSOR_LARGEPAGES_H
