// Where the elements and scales of a quantised weight lie: what attn.quantized_weight promises and
// the runtime makes (runtime/Abi.h).
#ifndef FOVEA_DIALECT_QUANTIZEDPANELS_H
#define FOVEA_DIALECT_QUANTIZEDPANELS_H

#include "dialect/AttnOps.h"
#include "llvm/Support/MathExtras.h"

namespace fovea::attn {

/// Elements along k that share a scale.
constexpr int64_t quantizedGroup = 32;

struct QuantizedPanels {
  WeightFormat format;
  int64_t rows, depth; // of the matrix
  int64_t lanes;       // rows of a panel
  int64_t streams;     // that panels lie in, in turn

  /// Panels of a stream.
  int64_t places() const { return llvm::divideCeil(rows, lanes * streams); }
  int64_t groups() const { return llvm::divideCeil(depth, quantizedGroup); }
  /// Vectors of 2 * lanes bytes with the elements of a group.
  int64_t vectors() const { return format == WeightFormat::Q8 ? 16 : 8; }
  /// A group of a panel: one more vector holds the scales.
  int64_t groupBytes() const { return (vectors() + 1) * 2 * lanes; }

  int64_t numBytes() const { return streams * places() * groups() * groupBytes(); }

  mlir::MemRefType valuesType(mlir::MLIRContext *context) const {
    int64_t group = groupBytes(), panel = groups() * group;
    return mlir::MemRefType::get(
        {streams, places(), groups(), vectors(), 2 * lanes}, mlir::IntegerType::get(context, 8),
        mlir::StridedLayoutAttr::get(context, 0, {places() * panel, panel, group, 2 * lanes, 1}));
  }
  mlir::MemRefType scalesType(mlir::MLIRContext *context) const {
    int64_t group = groupBytes() / 2, panel = groups() * group; // in scales
    return mlir::MemRefType::get({streams, places(), groups(), lanes},
                                 mlir::BFloat16Type::get(context),
                                 mlir::StridedLayoutAttr::get(context, vectors() * lanes,
                                                              {places() * panel, panel, group, 1}));
  }
};

} // namespace fovea::attn

#endif // FOVEA_DIALECT_QUANTIZEDPANELS_H
