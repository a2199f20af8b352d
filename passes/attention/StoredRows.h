// Queries, keys and values as they lie in memory: floats of any width, or quantised rows
// (attn.quantize_rows). The kernels read them in the type of scores, through this file alone.
#ifndef FOVEA_PASSES_ATTENTION_STOREDROWS_H
#define FOVEA_PASSES_ATTENTION_STOREDROWS_H

#include "dialect/AttnOps.h"
#include "passes/attention/AttentionTile.h"
#include "passes/vector/EmitBuilder.h"

namespace fovea {

/// How many elements lie along `dim`, that of rows, of a memref: fewer than bytes in quantised
/// rows. Dynamic if that is known at run time only.
int64_t rowElements(mlir::Value memref, int64_t dim);
mlir::Value emitRowElements(EmitBuilder &b, mlir::Value memref, int64_t dim);

/// Elements [column, column + lanes) of a row of `rows` ([rows, D], elements of a row side by
/// side). Of quantised rows `column` is a multiple of `lanes`, which divides a group.
mlir::Value loadRowPart(EmitBuilder &b, mlir::Value rows, mlir::Value row, mlir::Value column,
                        int64_t lanes, mlir::FloatType scoreType);

/// Whether the kernel of many queries multiplies values as they lie: the rows of one head follow
/// each other, hold scores' type and whole tiles of `columns`, and what a tile takes of a row is
/// half of a cache line or more. Else they are packed first.
bool takesValuesInPlace(attn::AttentionOp op, int64_t columns);

/// Whether that kernel multiplies keys as they lie as well: the rows of one head follow each other
/// and hold scores' type, and the target does not mind.
bool takesKeysInPlace(attn::AttentionOp op, const AttentionTile &tile);

/// One element.
mlir::Value loadRowElement(EmitBuilder &b, mlir::Value rows, mlir::Value row, mlir::Value column,
                           mlir::FloatType scoreType);

/// The scales of the elements in `column` of rows `rows` of quantised `source`, a lane a row.
mlir::Value loadScales(EmitBuilder &b, mlir::Value source, mlir::ValueRange rows,
                       mlir::Value column);

} // namespace fovea

#endif // FOVEA_PASSES_ATTENTION_STOREDROWS_H
