// Quantised rows in the reference executor, written from the formulas of docs/dialect.md
// (quantized_s5) alone.
#include "dialect/CacheRows.h"
#include "runtime/ReferenceFrame.h"
#include "llvm/ADT/bit.h"
#include <cmath>

using namespace mlir;
using namespace fovea;
using namespace fovea::reference;

static constexpr int64_t group = attn::quantizedGroup;

/// The upper half of the smallest bf16 that is at least largest / 127, which is rounded to f32
/// first.
static uint16_t scaleOf(double largest) {
  if (std::isnan(largest))
    return 0x7FC0;
  uint32_t bits = llvm::bit_cast<uint32_t>(static_cast<float>(largest) / 127);
  return static_cast<uint16_t>((bits + 0xFFFF) >> 16);
}

static double valueOf(uint16_t scale) {
  return llvm::bit_cast<float>(static_cast<uint32_t>(scale) << 16);
}

static void quantizeRow(const Cell *source, Cell *target, int64_t columns) {
  for (int64_t begin = 0; begin < columns; begin += group) {
    int64_t end = std::min(columns, begin + group);
    double largest = 0;
    for (int64_t d = begin; d < end; ++d)
      if (double magnitude = std::fabs(source[d].f); std::isnan(magnitude) || magnitude > largest)
        largest = magnitude;
    uint16_t stored = scaleOf(largest);
    double scale = valueOf(stored);
    for (int64_t d = begin; d < end; ++d) {
      double multiple = source[d].f / scale;
      target[d].i = scale == 0 || !std::isfinite(multiple)
                        ? 0
                        : static_cast<int64_t>(std::nearbyint(multiple));
    }
    int64_t place = columns + begin / group * attn::quantizedScaleBytes;
    target[place].i = wrapInteger(stored & 0xFF, 8);
    target[place + 1].i = wrapInteger(stored >> 8, 8);
  }
}

llvm::Error reference::runQuantizeRows(Operation *op, Frame &frame) {
  auto quantize = cast<attn::QuantizeRowsOp>(op);
  const Array &source = frame.array(quantize.getSource());
  const Array &init = frame.array(quantize.getInits()[0]);
  int64_t columns = source.sizes.back(), bytes = attn::quantizedRowBytes(columns);
  DimVector sizes(source.sizes);
  sizes.back() = bytes;
  if (llvm::Error error = expectSizes(op, "an init", init.sizes, sizes))
    return error;
  llvm::Expected<Array> result = Array::create(init.elementType, sizes);
  if (!result)
    return errorAt(op, result.takeError());
  for (int64_t row = 0; row * columns < source.count; ++row)
    quantizeRow(&source[row * columns], &(*result)[row * bytes], columns);
  frame.set(op->getResult(0), std::move(*result));
  return llvm::Error::success();
}

llvm::Expected<Array> reference::dequantizedRows(const Array &rows, int64_t dim) {
  if (!rows.elementType.isInteger(8))
    return rows;
  int64_t columns = *attn::quantizedRowColumns(rows.sizes[dim]);
  DimVector sizes(rows.sizes);
  sizes[dim] = columns;
  llvm::Expected<Array> result =
      Array::create(Float32Type::get(rows.elementType.getContext()), sizes);
  if (!result)
    return result;
  int64_t inner = rows.strides()[dim];
  DimVector index(sizes.size(), 0);
  for (int64_t offset = 0; offset < result->count; ++offset, nextIndex(index, sizes)) {
    int64_t d = index[dim], row = 0;
    for (auto [position, stride] : llvm::zip_equal(index, rows.strides()))
      row += position * stride;
    row -= d * inner;
    int64_t place = row + (columns + d / group * attn::quantizedScaleBytes) * inner;
    auto low = static_cast<uint8_t>(rows[place].i),
         high = static_cast<uint8_t>(rows[place + inner].i);
    (*result)[offset].f = static_cast<double>(rows[row + d * inner].i) *
                          valueOf(static_cast<uint16_t>(high << 8 | low));
  }
  return result;
}
