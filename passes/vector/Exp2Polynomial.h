// 2^x by a polynomial, for the softmax of the attention kernels.
#ifndef FOVEA_PASSES_VECTOR_EXP2POLYNOMIAL_H
#define FOVEA_PASSES_VECTOR_EXP2POLYNOMIAL_H

#include "passes/vector/EmitBuilder.h"

namespace fovea {

/// Emits 2^x for a scalar or vector `x` whose elements are at most 127.
///
/// f32: ten instructions and a clamp; of a whole register with `multiplyByPower`, which is the
/// TargetInfo's, nine with the same bits. The relative error is below 2e-7 (3.3 half ULP, measured
/// over every float in [-126, 0]); 2^0 is exactly 1; below -126.5 the result is 0, so
/// 2^-inf is exactly 0; NaN stays NaN. Without `fusedMultiplyAdd` each product is rounded too. f64:
/// math.exp2.
mlir::Value emitExp2(EmitBuilder &b, mlir::Value x, bool fusedMultiplyAdd,
                     llvm::StringRef multiplyByPower = {});

/// The same for f32 in [-127, 127], without the clamp.
mlir::Value emitExp2InRange(EmitBuilder &b, mlir::Value x, bool fusedMultiplyAdd);

/// (2^f - 1) / f for |f| <= 1/2, highest power first: what that polynomial is made of.
llvm::ArrayRef<double> exp2Coefficients();

} // namespace fovea

#endif // FOVEA_PASSES_VECTOR_EXP2POLYNOMIAL_H
