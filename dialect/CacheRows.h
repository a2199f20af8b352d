// How the rows of quantised caches lie in memory: what attn.quantize_rows makes and attention reads
// (quantized_s5).
#ifndef FOVEA_DIALECT_CACHEROWS_H
#define FOVEA_DIALECT_CACHEROWS_H

#include "dialect/QuantizedPanels.h"
#include <optional>

namespace fovea::attn {

/// Bytes of a scale, a bf16, the low byte first.
constexpr int64_t quantizedScaleBytes = 2;

/// Bytes of a row of `columns` elements: first a byte each, then a scale for each group of
/// `quantizedGroup` of them, the last of which may be smaller.
constexpr int64_t quantizedRowBytes(int64_t columns) {
  return columns + quantizedScaleBytes * static_cast<int64_t>(llvm::divideCeil(
                                             static_cast<uint64_t>(columns), quantizedGroup));
}

/// How many elements a row of so many bytes has; none if no row is that long, or if the number of
/// bytes is not known.
inline std::optional<int64_t> quantizedRowColumns(int64_t bytes) {
  if (bytes <= 0) // dynamic sizes are negative
    return std::nullopt;
  int64_t whole = quantizedGroup + quantizedScaleBytes;
  int64_t columns = bytes - quantizedScaleBytes * llvm::divideCeilSigned(bytes, whole);
  return columns > 0 && quantizedRowBytes(columns) == bytes ? std::optional(columns) : std::nullopt;
}

} // namespace fovea::attn

#endif // FOVEA_DIALECT_CACHEROWS_H
