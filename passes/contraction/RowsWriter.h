// The parallel loop that computes the rows of a contraction, tile by tile, so that they can be
// packed while a tile is in cache.
#ifndef FOVEA_PASSES_CONTRACTION_ROWSWRITER_H
#define FOVEA_PASSES_CONTRACTION_ROWSWRITER_H

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace fovea {

/// The tile of a matrix that an iteration writes.
struct RowsWriter {
  mlir::scf::ForallOp loop;
  mlir::OpFoldResult row, column; // its first ones
  int64_t rows, columns;          // there may be fewer rows in the last tiles
};

/// The loop in front of `reader` that alone writes to `matrix`, a buffer allocated in its block, if
/// its tiles are of whole panels of `panelRows` rows and of all columns, or within blocks of
/// `depth` of them. Nothing else may read or write the tile in another way than by one view of it.
std::optional<RowsWriter> findRowsWriter(mlir::Value matrix, unsigned rowDim,
                                         mlir::scf::ForallOp reader, int64_t panelRows,
                                         int64_t depth);

} // namespace fovea

#endif // FOVEA_PASSES_CONTRACTION_ROWSWRITER_H
