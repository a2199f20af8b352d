// What the passes that place buffers agree on.
#ifndef FOVEA_PASSES_BUFFERS_BUFFERSIZES_H
#define FOVEA_PASSES_BUFFERS_BUFFERSIZES_H

#include "mlir/IR/BuiltinTypes.h"
#include <optional>

namespace fovea {

/// Buffers start at multiples of this many bytes: a cache line and the widest vector.
inline constexpr int64_t bufferAlignment = 64;

/// No buffer and no workspace takes more bytes.
inline constexpr int64_t maxBufferBytes = int64_t(1) << 62;

/// Bytes of the static dims of a buffer: of all of it if it has no dynamic ones. Nothing if they
/// are more than maxBufferBytes.
std::optional<int64_t> getStaticBytes(mlir::MemRefType type);

} // namespace fovea

#endif // FOVEA_PASSES_BUFFERS_BUFFERSIZES_H
