// x^y, also of exponents that are no constants.
#ifndef FOVEA_PASSES_VECTOR_APPROXIMATEPOW_H
#define FOVEA_PASSES_VECTOR_APPROXIMATEPOW_H

#include "mlir/IR/PatternMatch.h"
#include "passes/TargetInfo.h"

namespace fovea {

/// Rewrites math.powf on f32 or narrower floats, with the limits that C's pow has. The error is at
/// most 1 unit in the last place against float64.
void populateApproximatePowPatterns(mlir::RewritePatternSet &patterns, const TargetInfo &target);

} // namespace fovea

#endif // FOVEA_PASSES_VECTOR_APPROXIMATEPOW_H
