// What the attention kernels share about softmax in powers of two: scores are kept as exponents
// of 2, and a score function sees them before that.
#ifndef FOVEA_PASSES_ATTENTION_SOFTMAXCONSTANTS_H
#define FOVEA_PASSES_ATTENTION_SOFTMAXCONSTANTS_H

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

/// What queries are multiplied by before they meet keys: the scale, and log2(e) if no score
/// function follows. A scalar of the score type.
mlir::Value emitQueryFactor(EmitBuilder &b, attn::AttentionOp op, mlir::Value headDim);

} // namespace fovea

#endif // FOVEA_PASSES_ATTENTION_SOFTMAXCONSTANTS_H
