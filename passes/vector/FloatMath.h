// Arithmetic on f32 scalars or vectors of f32 alike: what approximations of functions are
// written in. Without fused multiply-add on the target each product is rounded.
#ifndef FOVEA_PASSES_VECTOR_FLOATMATH_H
#define FOVEA_PASSES_VECTOR_FLOATMATH_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/PatternMatch.h"
#include "passes/TargetInfo.h"
#include "passes/vector/EmitBuilder.h"

namespace fovea {

/// A scalar type or vector of it with other elements.
mlir::Type withElement(mlir::Type type, mlir::Type element);

class FloatMath {
public:
  /// `type` is f32 or a vector of f32.
  FloatMath(EmitBuilder &builder, mlir::Type type, const TargetInfo &target)
      : b(builder), type(type), fused(target.fusedMultiplyAdd) {}

  mlir::Value constant(double value) { return b.constant(type, value); }
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value sub(mlir::Value x, mlir::Value y);
  mlir::Value mul(mlir::Value x, mlir::Value y);
  mlir::Value div(mlir::Value x, mlir::Value y);
  mlir::Value abs(mlir::Value x);
  mlir::Value negate(mlir::Value x);
  /// `x * y + z`.
  mlir::Value fma(mlir::Value x, mlir::Value y, mlir::Value z);
  /// The polynomial in `x` with these coefficients, highest power first, by Horner's rule.
  mlir::Value polynomial(mlir::Value x, llvm::ArrayRef<double> coefficients);

  mlir::Value compare(mlir::arith::CmpFPredicate predicate, mlir::Value x, mlir::Value y);
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y);
  /// `x` where it lies in [low, high], the nearer bound where not; NaN stays NaN.
  mlir::Value clamp(mlir::Value x, double low, double high);
  /// `magnitude` with the sign of `sign`.
  mlir::Value copySign(mlir::Value magnitude, mlir::Value sign);

  bool isFused() const { return fused; }
  mlir::Type integerType();
  mlir::Value integer(int64_t value) { return b.constant(integerType(), double(value)); }
  mlir::Value toBits(mlir::Value x);
  mlir::Value fromBits(mlir::Value bits);

  /// m and e of x = 2^e m, m in [2/3, 4/3); anything unless x is a positive number.
  std::pair<mlir::Value, mlir::Value> splitExponent(mlir::Value x);

  /// The nearest integer, as a float and as an integer; |x| < 2^22.
  std::pair<mlir::Value, mlir::Value> round(mlir::Value x);
  /// `x * 2^n` for -300 < n < 300, rounded correctly where that is subnormal or too large.
  mlir::Value scaleByPowerOfTwo(mlir::Value x, mlir::Value n);

  EmitBuilder &b;
  mlir::Type type;

private:
  bool fused;
};

/// Replaces an elementwise op on f32 or narrower floats by what `emit` makes of its operands, all
/// in f32.
llvm::LogicalResult
approximateInF32(mlir::Operation *op, mlir::PatternRewriter &rewriter, const TargetInfo &target,
                 llvm::function_ref<mlir::Value(FloatMath &, mlir::ValueRange)> emit);

} // namespace fovea

#endif // FOVEA_PASSES_VECTOR_FLOATMATH_H
