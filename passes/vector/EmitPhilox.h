// The counter-based generator of dialect/Philox.h as arithmetic in the IR.
#ifndef FOVEA_PASSES_VECTOR_EMITPHILOX_H
#define FOVEA_PASSES_VECTOR_EMITPHILOX_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"

namespace fovea {

/// The two i32 halves of an i64 seed.
struct PhiloxKey {
  mlir::Value low;
  mlir::Value high;
};

PhiloxKey emitPhiloxKey(mlir::OpBuilder &b, mlir::Location loc, mlir::Value seed);

/// Word 0, an i32, of the block that the i64 `counter` counts (dropout_s1). A vector of counters
/// gives a vector of words.
mlir::Value emitPhiloxWord(mlir::OpBuilder &b, mlir::Location loc, PhiloxKey key,
                           mlir::Value counter);

/// Whether u >= p for the word's uniform number u, as an i1 and without rounding (dropout_s2);
/// for each of a vector of words.
/// `p` is in [0, 1).
mlir::Value emitIsKept(mlir::OpBuilder &b, mlir::Location loc, mlir::Value word, double p);

} // namespace fovea

#endif // FOVEA_PASSES_VECTOR_EMITPHILOX_H
