// The arithmetic of softmax in powers of two, which the kernels for many and for few queries share
// so that both give the same bits: scores are kept as exponents of 2, and a score function sees
// them before that. Values are scalars or vectors of the score type.
#ifndef FOVEA_PASSES_ATTENTION_SOFTMAXMATH_H
#define FOVEA_PASSES_ATTENTION_SOFTMAXMATH_H

#include "dialect/AttnOps.h"
#include "passes/vector/EmitBuilder.h"
#include <limits>

namespace fovea {

namespace softmax {
inline constexpr double ln2 = 0.6931471805599453094;
inline constexpr double log2e = 1.4426950408889634074;
inline constexpr double infinity = std::numeric_limits<double>::infinity();
} // namespace softmax

/// The exponent that stands for a masked key: -inf, or that of the fill, finite as the fill is.
double maskedExponent(attn::AttentionOp op);

/// What the score function gives, as an exponent of 2. A finite score stays finite: masks in
/// numbers add the lowest float, and where all keys of a row have it, each weighs as much.
mlir::Value emitExponent(EmitBuilder &b, attn::AttentionOp op, mlir::Value score);

/// What queries are multiplied by before they meet keys: the scale, and log2(e) if no score
/// function follows. A scalar of the score type.
mlir::Value emitQueryFactor(EmitBuilder &b, attn::AttentionOp op, mlir::Value headDim);

/// `x * y + z`, rounded once if `fused`.
mlir::Value emitMultiplyAdd(EmitBuilder &b, bool fused, mlir::Value x, mlir::Value y,
                            mlir::Value z);

/// The larger one. A NaN never wins, so that it reaches its own row's sum and no other maximum.
mlir::Value emitLarger(EmitBuilder &b, mlir::Value known, mlir::Value candidate);

/// `maximum`, or 0 for rows without keys so far, so that -inf minus it stays -inf.
mlir::Value emitFiniteMaximum(EmitBuilder &b, mlir::Value maximum);

/// `x * factor`, of which with a fill a factor of 0 leaves 0 even of NaN and infinities: a value
/// that weighed something until a larger score came has no influence (attention_s5).
mlir::Value emitRescaled(EmitBuilder &b, attn::AttentionOp op, mlir::Value x, mlir::Value factor);

/// `whole * factor + part * partFactor` of values, each rescaled as above.
mlir::Value emitMerged(EmitBuilder &b, attn::AttentionOp op, bool fused, mlir::Value whole,
                       mlir::Value factor, mlir::Value part, mlir::Value partFactor);

/// The same of sums of weights, which are never infinite: one that is NaN has met a score that is,
/// and stays NaN whatever outweighs it.
mlir::Value emitMergedSum(EmitBuilder &b, bool fused, mlir::Value whole, mlir::Value factor,
                          mlir::Value part, mlir::Value partFactor);

/// `1 / sum`, or 0 for a row without keys, which gives zeros (attention_s4).
mlir::Value emitReciprocal(EmitBuilder &b, mlir::Value sum);

/// The log-sum-exp of a row.
mlir::Value emitLogSumExp(EmitBuilder &b, attn::AttentionOp op, mlir::Value maximum,
                          mlir::Value sum);

} // namespace fovea

#endif // FOVEA_PASSES_ATTENTION_SOFTMAXMATH_H
