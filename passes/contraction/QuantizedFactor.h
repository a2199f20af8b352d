// Contractions whose second factor is a quantised weight, and other reads of such weights.
#ifndef FOVEA_PASSES_CONTRACTION_QUANTIZEDFACTOR_H
#define FOVEA_PASSES_CONTRACTION_QUANTIZEDFACTOR_H

#include "dialect/QuantizedPanels.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"
#include "passes/contraction/PanelPlace.h"
#include <optional>

namespace fovea {

/// The two results of an attn.quantized_weight, or the same slice of panels of both.
struct QuantizedFactor {
  mlir::Value values, scales;
  attn::WeightFormat format;

  PanelShape shape() const { return PanelShape::of(scales); }
};

/// Asks for the weight that `op` loads in quantised panels along `panelDim`.
QuantizedFactor createQuantizedWeight(mlir::OpBuilder &b, attn::WeightOp op, int64_t panelDim,
                                      PanelShape shape, attn::WeightFormat format);

/// `count` panels of each stream from place `first` on.
QuantizedFactor slicePanels(mlir::OpBuilder &b, mlir::Location loc, const QuantizedFactor &factor,
                            mlir::OpFoldResult first, mlir::OpFoldResult count);

/// Replaces a contraction, of which `operand` is the factor indexed by the loops `row` and `k`, by
/// one with the inputs (other factor, values, scales) whose body has an attn.dequantize.
void readQuantized(mlir::RewriterBase &rewriter, mlir::linalg::GenericOp op,
                   mlir::OpOperand &operand, unsigned row, unsigned k,
                   const QuantizedFactor &factor);

/// The element (row, k) of the whole weight as f32.
mlir::Value loadQuantized(mlir::OpBuilder &b, mlir::Location loc, const QuantizedFactor &factor,
                          mlir::Value row, mlir::Value k);

/// What `readQuantized` makes: the factor and its loops.
struct QuantizedProduct {
  QuantizedFactor factor;
  unsigned row, k;
};
std::optional<QuantizedProduct> matchQuantizedProduct(mlir::linalg::LinalgOp op);

} // namespace fovea

#endif // FOVEA_PASSES_CONTRACTION_QUANTIZEDFACTOR_H
