// Numbers that are computed of sizes at run time, such as `D ** 0.5`: scalars of type f32, which
// beside a tensor of another float type take that type, as numbers do.
#ifndef FOVEA_FRONTEND_SIZENUMBERS_H
#define FOVEA_FRONTEND_SIZENUMBERS_H

#include "frontend/GraphBuilder.h"

namespace fovea {

/// Whether `x` is a scalar of f32 that is computed of sizes, indices of loops and numbers alone.
bool isSizeNumber(const SymbolicTensor &x);

/// What region code computes with `x` in: `regionFloat` if that is f64 and `x` such a scalar, else
/// the type of its elements.
mlir::Type typeInRegion(const SymbolicTensor &x, mlir::Type regionFloat);

/// Such a scalar in another float type: rounded to a narrower one, computed again in f64. None for
/// other tensors, and for f64 where a number was rounded on the way, such as 0.1.
std::optional<SymbolicTensor> sizeNumberAs(const SymbolicTensor &x, mlir::Type type);

} // namespace fovea

#endif // FOVEA_FRONTEND_SIZENUMBERS_H
