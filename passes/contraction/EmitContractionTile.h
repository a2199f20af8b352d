// The innermost part of a contraction: a tile of results in registers, and where it is added to.
#ifndef FOVEA_PASSES_CONTRACTION_EMITCONTRACTIONTILE_H
#define FOVEA_PASSES_CONTRACTION_EMITCONTRACTIONTILE_H

#include "passes/contraction/EmitContraction.h"

namespace fovea {

/// Some rows of a: packed, or as they lie. Rows past an edge repeat the last one.
struct TileRows {
  std::optional<Panel> panel;
  FactorView view;                     // only without a panel, as are
  llvm::SmallVector<mlir::Value> rows; // of the view
  mlir::Value k0;
  llvm::SmallVector<mlir::Value> starts = {}; // the rows from k0 on, once they have been looked up

  /// Element (r, k0 + k) in the accumulator's type.
  mlir::Value load(EmitBuilder &b, int64_t r, mlir::Value k) const;
};

/// `count` rows from `m` on as they lie.
TileRows rowsAsTheyLie(const ContractionEmitter &e, mlir::Value m, mlir::Value k0, int64_t count);

/// The sums of products of `shape.rows` rows with the panels of b, over `depth` steps of k from the
/// panels' offsets on: for each row a vector for each panel. Many rows are multiplied in parts, at
/// the beginning of each of which `beside` emits what is done besides.
llvm::SmallVector<mlir::Value> multiplyTile(ContractionEmitter &e, RegisterTile shape,
                                            const TileRows &rows, llvm::ArrayRef<Panel> columns,
                                            mlir::Value depth,
                                            llvm::function_ref<void(mlir::Value part)> beside);

/// Of the sums of a tile, those with `count` of its panels, from panel `first` on.
llvm::SmallVector<mlir::Value> sumsOf(llvm::ArrayRef<mlir::Value> tile, RegisterTile shape,
                                      int64_t first, int64_t count);

/// Adds tiles to the results, or puts them there where these hold nothing yet. Where these are too
/// narrow for partial sums, rows mBegin on and columns nBegin on are summed up in memory of the
/// emitter's first.
struct TileResults {
  ContractionEmitter &e;
  mlir::Value edge; // of a tile that is not whole, [rows * columns]
  mlir::Value wide; // null, or [rows][columns]
  mlir::Value mBegin, mEnd, nBegin, nEnd;
  bool hasWholeColumns = false;  // no tile reaches past nEnd
  mlir::Value isFirst = nullptr; // where results hold nothing yet: whether this block of k is first

  /// Adds the tile whose first element is (m, n), as far as it lies before mEnd and nEnd.
  void update(mlir::Value m, mlir::Value n, RegisterTile shape, llvm::ArrayRef<mlir::Value> tile);
  /// Fetches the first elements of a row of what update() adds a tile to.
  void prefetch(mlir::Value m, mlir::Value n, int64_t vectors);
  void clearWide();
  /// Adds `wide` to the results, rounding once.
  void flushWide();

private:
  void updateEdge(mlir::Value m, mlir::Value n, RegisterTile shape,
                  llvm::ArrayRef<mlir::Value> tile);
  void add(mlir::Value m, mlir::Value n, mlir::Value addend);
};

} // namespace fovea

#endif // FOVEA_PASSES_CONTRACTION_EMITCONTRACTIONTILE_H
