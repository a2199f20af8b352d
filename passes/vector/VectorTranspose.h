// Transposition of small square matrices held in vectors.
#ifndef FOVEA_PASSES_VECTOR_VECTORTRANSPOSE_H
#define FOVEA_PASSES_VECTOR_VECTORTRANSPOSE_H

#include "passes/vector/EmitBuilder.h"

namespace fovea {

/// Given n vectors of n lanes, n a power of two, returns the vectors of the transposed matrix:
/// lane c of result r is lane r of `rows[c]`. Emits n log2(n) two-operand shuffles.
llvm::SmallVector<mlir::Value> transposeSquare(EmitBuilder &b, mlir::ValueRange rows);

} // namespace fovea

#endif // FOVEA_PASSES_VECTOR_VECTORTRANSPOSE_H
