// Where the rows of a weight in panels lie: panels that follow each other are in turn in one of
// some streams, so that a kernel that reads several at once reads each stream in order, over all
// panels.
#ifndef FOVEA_PASSES_CONTRACTION_PANELPLACE_H
#define FOVEA_PASSES_CONTRACTION_PANELPLACE_H

#include "mlir/IR/BuiltinTypes.h"
#include "passes/vector/EmitBuilder.h"

namespace fovea {

struct PanelShape {
  int64_t streams, lanes;

  /// That of a weight in panels [streams][ceil(rows / (streams * lanes))]...[lanes].
  static PanelShape of(mlir::Value panels) {
    llvm::ArrayRef<int64_t> shape = mlir::cast<mlir::MemRefType>(panels.getType()).getShape();
    return {shape.front(), shape.back()};
  }

  /// Rows of as many panels as there are streams.
  int64_t rows() const { return streams * lanes; }

  /// Stream, place in it, and lane of a row.
  std::array<mlir::AffineExpr, 3> placeOf(mlir::AffineExpr row) const {
    return {row.floorDiv(lanes) % streams, row.floorDiv(rows()), row % lanes};
  }
};

/// Where a panel lies.
struct PanelPlace {
  mlir::Value stream, place;
};

/// Of the panel that row `row` begins.
inline PanelPlace placeOfPanel(EmitBuilder &b, const PanelShape &shape, mlir::Value row) {
  mlir::Value place = b.divide(row, shape.rows()), panel = b.divide(row, shape.lanes);
  return {b.sub(panel, b.mul(place, b.index(shape.streams))), place};
}

} // namespace fovea

#endif // FOVEA_PASSES_CONTRACTION_PANELPLACE_H
