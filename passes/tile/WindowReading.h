// Where the elements of windows come from.
#ifndef FOVEA_PASSES_TILE_WINDOWREADING_H
#define FOVEA_PASSES_TILE_WINDOWREADING_H

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Value.h"

namespace fovea {

/// Windows as attn.unfold makes them, moved since, as elements of what they are cut from.
struct WindowReading {
  mlir::Value windows, source;
  llvm::SmallVector<mlir::AffineExpr> at; // index of each dim of the source, by dims of the windows

  /// By how much the last index moves with one step along the dim.
  int64_t stepAlong(unsigned dim) const;
  /// Whether the dim is added to others: places of windows and taps.
  bool isAdded(unsigned dim) const;
};

/// Nothing if `value` is no windows.
std::optional<WindowReading> findWindows(mlir::Value value);

} // namespace fovea

#endif // FOVEA_PASSES_TILE_WINDOWREADING_H
