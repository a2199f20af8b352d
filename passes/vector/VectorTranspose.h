// Transposition of small square matrices held in vectors.
#ifndef FOVEA_PASSES_VECTOR_VECTORTRANSPOSE_H
#define FOVEA_PASSES_VECTOR_VECTORTRANSPOSE_H

#include "passes/vector/EmitBuilder.h"

namespace fovea {

/// Given n vectors of n lanes, n a power of two, returns the vectors of the transposed matrix:
/// lane c of result r is lane r of `rows[c]`. Emits n log2(n) two-operand shuffles.
llvm::SmallVector<mlir::Value> transposeSquare(EmitBuilder &b, mlir::ValueRange rows);

/// Given 2n vectors of n lanes, the rows of a tall matrix, returns the n vectors of 2n lanes of the
/// transposed one. Takes n insertions and, where n lanes are 128 bits (or 256), 2 (or 3) shuffles a
/// result, fewer than a square of 2n rows. Takes row i from `rowAt(i)` when it is needed, so that
/// no more than n and two registers are in use.
llvm::SmallVector<mlir::Value> transposeTall(EmitBuilder &b, mlir::VectorType rowType,
                                             llvm::function_ref<mlir::Value(int64_t)> rowAt);
/// Given n vectors of 2n lanes, the rows of a wide matrix, returns the transposed one row after
/// row, two of its rows of n lanes a vector. Takes n log2(n) shuffles and, where n lanes are 128
/// bits (or 256), one (or two) a result.
llvm::SmallVector<mlir::Value> transposeWide(EmitBuilder &b, mlir::ValueRange rows);
/// Given k n vectors of n lanes, k a power of two and n lanes 128 bits at most, the rows of a
/// narrow matrix, returns the n vectors of k n lanes of the transposed one. Takes k - 1 insertions
/// and log2(n) shuffles a result: n columns of a square of k n rows, in a part of its code.
llvm::SmallVector<mlir::Value> transposeNarrow(EmitBuilder &b, mlir::ValueRange rows);
/// Given `count` rows of n lanes, whichever of the above fits: a square, twice as many rows as lanes
/// where n lanes can be halves, else rows of 128 bits.
llvm::SmallVector<mlir::Value> transposeRows(EmitBuilder &b, mlir::VectorType rowType,
                                             int64_t count,
                                             llvm::function_ref<mlir::Value(int64_t)> rowAt);
/// The other way: given n vectors of k n lanes, the rows of a wide matrix, returns the k n vectors
/// of n lanes of the transposed one. Takes n log2(n) shuffles and k n extractions.
llvm::SmallVector<mlir::Value> transposeToNarrow(EmitBuilder &b, mlir::ValueRange rows);
/// The lanes of vectors of one type, whose number is a power of two, one behind the other.
mlir::Value concatenate(EmitBuilder &b, llvm::SmallVector<mlir::Value> vectors);
/// How many columns of `lanes` rows are best transposed at a time by transposeNarrow, and how many
/// rows by transposeToNarrow.
int64_t narrowColumns(mlir::Type element, int64_t lanes);
/// Whether halves can be: n lanes of that type are one or two times 128 bits.
bool canTransposeHalves(mlir::VectorType row);

} // namespace fovea

#endif // FOVEA_PASSES_VECTOR_VECTORTRANSPOSE_H
