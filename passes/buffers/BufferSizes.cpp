#include "passes/buffers/BufferSizes.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

std::optional<int64_t> fovea::getStaticBytes(MemRefType type) {
  int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  for (int64_t size : type.getShape())
    if (!ShapedType::isDynamic(size) &&
        (llvm::MulOverflow(bytes, size, bytes) || bytes > maxBufferBytes))
      return std::nullopt;
  return bytes;
}
