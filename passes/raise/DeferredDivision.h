// Attention that divides last, `(e @ v) / sum e`, as online softmax is written, is brought to the
// form that has weights, `(e / sum e) @ v`: the same up to rounding, and what the matchers of this
// folder know.
#ifndef FOVEA_PASSES_RAISE_DEFERREDDIVISION_H
#define FOVEA_PASSES_RAISE_DEFERREDDIVISION_H

#include "mlir/IR/Operation.h"

namespace fovea {

/// Rewrites every such division in the function whose `e` are exponentials of scores.
void divideWeightsFirst(mlir::Operation *function);

/// Says of exponentials of scores that weigh values, and are divided before or after by something
/// else than their sum, why they stay.
void remarkOtherDivisions(mlir::Operation *function);

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_DEFERREDDIVISION_H
