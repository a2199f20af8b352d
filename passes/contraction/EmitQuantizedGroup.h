// The products of some rows with one group of some panels of quantised weights: pairs of neighbours
// along k are multiplied and added by one instruction, and the sum of a group is an exact integer.
#ifndef FOVEA_PASSES_CONTRACTION_EMITQUANTIZEDGROUP_H
#define FOVEA_PASSES_CONTRACTION_EMITQUANTIZEDGROUP_H

#include "passes/contraction/EmitContraction.h"
#include "passes/contraction/QuantizedRows.h"

namespace fovea {

/// A panel of one of the weights.
struct WeightPanel {
  QuantizedFactor factor;
  PanelPlace place;

  mlir::Value load(EmitBuilder &b, mlir::VectorType type, mlir::Value group,
                   mlir::Value step) const;
  mlir::Value loadScales(EmitBuilder &b, mlir::VectorType type, mlir::Value group) const;
};

/// A group of some rows, from `row` on, and of some panels.
struct GroupPlace {
  mlir::Value row;
  llvm::ArrayRef<WeightPanel> panels;
  mlir::Value group;
};

/// How the rows lie that meet the weights of `e`.
QuantizedRowLayout rowLayoutOf(const ContractionEmitter &e);

/// Multiplies in tiles of rows and panels; `e` has the shape of the weights.
class QuantizedGroupEmitter {
public:
  QuantizedGroupEmitter(ContractionEmitter &e, QuantizedTile tile, const QuantizedRows &rows)
      : e(e), b(e.b), format(e.c.quantized->format), tile(tile), rows(rows),
        layout(rowLayoutOf(e)) {}

  /// The sums of the group's products, as integers: for each row a vector for each panel.
  llvm::SmallVector<mlir::Value> multiply(const GroupPlace &at);
  /// The scale of one of the rows.
  mlir::Value loadRowScale(const GroupPlace &at, int64_t row);

private:
  /// Of the bytes of q4: 0 are the low ones, 1 the high ones. Values of q8 are all in 0.
  struct Halves {
    int64_t begin, end;
  };

  int64_t count() const { return tile.rows * tile.vectors; }
  llvm::SmallVector<mlir::Value> multiplySteps(const GroupPlace &at, Halves halves,
                                               mlir::ValueRange sums);
  void multiplyStep(const GroupPlace &at, mlir::Value step, Halves halves,
                    llvm::MutableArrayRef<mlir::Value> sums, int64_t &products);
  mlir::Value widen(mlir::Value bytes, int64_t half);
  mlir::Value addPairs(mlir::Value weights, mlir::Value pair, mlir::Value sum);

  ContractionEmitter &e;
  EmitBuilder &b;
  attn::WeightFormat format;
  QuantizedTile tile;
  const QuantizedRows &rows;
  QuantizedRowLayout layout;
};

} // namespace fovea

#endif // FOVEA_PASSES_CONTRACTION_EMITQUANTIZEDGROUP_H
