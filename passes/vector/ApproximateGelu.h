// gelu(x) = x/2 (1 + erf(x / sqrt(2))) as one function, and its approximation
// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) as another.
#ifndef FOVEA_PASSES_VECTOR_APPROXIMATEGELU_H
#define FOVEA_PASSES_VECTOR_APPROXIMATEGELU_H

#include "mlir/IR/PatternMatch.h"
#include "passes/TargetInfo.h"

namespace fovea {

/// Rewrites the products above, written with `math.erf` or `math.tanh` on f32 or narrower floats,
/// where that is used for nothing else. The error is at most 5e-7 absolute and, for x >= -2, 5e-6
/// of the result: erf or tanh alone would need both its branches for that, and 1 + it cancels.
void populateApproximateGeluPatterns(mlir::RewritePatternSet &patterns, const TargetInfo &target);

} // namespace fovea

#endif // FOVEA_PASSES_VECTOR_APPROXIMATEGELU_H
