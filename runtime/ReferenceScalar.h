// The scalar ops of arith and math as functions on cells, in float64 and int64.
#ifndef FOVEA_RUNTIME_REFERENCESCALAR_H
#define FOVEA_RUNTIME_REFERENCESCALAR_H

#include "mlir/IR/Operation.h"
#include "runtime/ReferenceArray.h"

namespace fovea::reference {

/// Writes f(a, b, c) to `result`; false if the result is undefined (a division by zero). `width`
/// is that of ScalarOp.
using ScalarFn = bool (*)(Cell &result, Cell a, Cell b, Cell c, unsigned width);

struct ScalarOp {
  ScalarFn function = nullptr;
  /// Width of the integers that the function reads or, if it makes integers from floats or
  /// truncates, of those it writes.
  unsigned width = 64;
};

/// The function of an op of up to three operands and one result; none for any other op. Float
/// types do not matter: f32 arithmetic is done in double, truncf and extf change nothing. That
/// is what makes the executor a reference for every storage type at once.
std::optional<ScalarOp> lookupScalarOp(mlir::Operation *op);

/// The value of an integer, index or float attribute.
std::optional<Cell> cellOf(mlir::Attribute attribute);

} // namespace fovea::reference

#endif // FOVEA_RUNTIME_REFERENCESCALAR_H
