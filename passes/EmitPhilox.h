// The counter-based generator of dropout and sampling, as arithmetic in the IR.
#ifndef FOVEA_PASSES_PHILOX_H
#define FOVEA_PASSES_PHILOX_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"

namespace fovea {

/// The two i32 halves of an i64 seed.
struct PhiloxKey {
  mlir::Value low;
  mlir::Value high;
};

PhiloxKey createPhiloxKey(mlir::OpBuilder &b, mlir::Location loc, mlir::Value seed);

/// Word 0 of Philox 4x32-10 (Salmon et al., SC 2011) for the counter {low, high, 0, 0} of the i64
/// `counter`, which may be a vector: then the words are one too (dropout_s1).
mlir::Value createPhiloxWord(mlir::OpBuilder &b, mlir::Location loc, PhiloxKey key,
                             mlir::Value counter);

/// Whether u >= p for the uniform number u = (word >> 8) * 2^-24 in [0, 1), without rounding.
/// `p` is in [0, 1).
mlir::Value createIsKept(mlir::OpBuilder &b, mlir::Location loc, mlir::Value word, double p);

} // namespace fovea

#endif // FOVEA_PASSES_PHILOX_H
