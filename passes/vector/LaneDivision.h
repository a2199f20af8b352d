// Division of integers on lanes.
#ifndef FOVEA_PASSES_VECTOR_LANEDIVISION_H
#define FOVEA_PASSES_VECTOR_LANEDIVISION_H

#include "mlir/IR/IRMapping.h"
#include "passes/vector/EmitBuilder.h"

namespace fovea {

/// Whether the op is a quotient or remainder of integers.
bool isIntegerDivision(mlir::Operation &op);

/// The op on vectors, to which `operands` maps its operands. No vector unit divides 64-bit
/// integers, but by a number that is the same for all lanes it multiplies and shifts 32-bit ones:
/// that is done where all lanes fit, which positions do. `divisorVaries` is whether the divisor
/// differs between lanes.
mlir::Value divideLanes(EmitBuilder &b, mlir::Operation &op, const mlir::IRMapping &operands,
                        bool divisorVaries);

} // namespace fovea

#endif // FOVEA_PASSES_VECTOR_LANEDIVISION_H
