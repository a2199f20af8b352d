// From the layout of a factor to panels, which is where strides and narrow types end.
#ifndef FOVEA_PASSES_CONTRACTION_PANELPACKER_H
#define FOVEA_PASSES_CONTRACTION_PANELPACKER_H

#include "passes/contraction/ContractionTile.h"
#include "passes/vector/EmitBuilder.h"

namespace fovea {

/// A factor of a contraction as a matrix in memory: its row loop and k are free, all other
/// indices are given.
struct FactorView {
  mlir::Value memref;
  llvm::SmallVector<mlir::Value> at; // index of each dim; null for rowDim and kDim
  std::optional<unsigned> rowDim;
  unsigned kDim;
  bool contiguousAlongK, contiguousAlongRow;
  mlir::FloatType accumulator; // what elements are widened to

  mlir::Value loadScalar(EmitBuilder &b, mlir::Value row, mlir::Value k) const;
  /// `lanes` elements from `(row, k)` on along the dim in which the factor is contiguous.
  mlir::Value loadVector(EmitBuilder &b, mlir::Value row, mlir::Value k, int64_t lanes) const;
  /// The same before widening.
  mlir::Value loadNarrow(EmitBuilder &b, mlir::Value row, mlir::Value k, int64_t lanes) const;
  /// `locality` as of memref.prefetch: 3 into the first level of cache, 2 into the second.
  void prefetch(EmitBuilder &b, mlir::Value row, mlir::Value k, int64_t locality = 3) const;
  /// `depth` elements from `(row, k)` on along k, as a memref of one dim.
  mlir::Value viewAlongK(EmitBuilder &b, mlir::Value row, mlir::Value k, mlir::Value depth) const;

private:
  llvm::SmallVector<mlir::Value> indices(mlir::Value row, mlir::Value k) const;
};

/// Where the `count` rows of a panel lie: `memref[leading..., offset + k * count + row]`, or
/// `memref[leading..., offset + k, row]` if rows are a dim of their own.
struct Panel {
  mlir::Value memref;
  llvm::SmallVector<mlir::Value> leading;
  mlir::Value offset;
  int64_t count;
  bool hasRowDim = false;

  llvm::SmallVector<mlir::Value> at(EmitBuilder &b, mlir::Value k, int64_t row) const;
  /// Bytes of the rows at one k.
  int64_t stepBytes() const;
};

class PanelPacker {
public:
  PanelPacker(EmitBuilder &b, const ContractionTile &tile, const FactorView &factor)
      : b(b), tile(tile), factor(factor) {}

  /// Packs rows `first` on, of which there are `limit` in all, at k0 ... k0 + depth - 1. Rows past
  /// the end repeat the last one. Writes nothing outside of the panel.
  void pack(mlir::Value first, mlir::Value limit, mlir::Value k0, mlir::Value depth,
            const Panel &panel);
  /// Several panels side by side, all whole, of a factor that is contiguous along its rows.
  void packStrip(mlir::Value first, mlir::Value k0, mlir::Value depth,
                 llvm::ArrayRef<Panel> panels);

private:
  void packScalars(llvm::ArrayRef<mlir::Value> rows, mlir::Value k0, mlir::Value begin,
                   mlir::Value end, const Panel &panel);
  void packAlongK(llvm::ArrayRef<mlir::Value> rows, mlir::Value k0, mlir::Value begin,
                  mlir::Value end, int64_t columns, const Panel &panel);
  llvm::SmallVector<mlir::Value> loadTransposed(llvm::ArrayRef<mlir::Value> rows, mlir::Value k,
                                                int64_t columns);
  void storeStep(mlir::Value values, mlir::Value k, int64_t row, bool isLast, const Panel &panel);

  EmitBuilder &b;
  const ContractionTile &tile;
  const FactorView &factor;
};

} // namespace fovea

#endif // FOVEA_PASSES_CONTRACTION_PANELPACKER_H
