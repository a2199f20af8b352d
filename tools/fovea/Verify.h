// Compares the results of compiled code with those of the reference executor.
#ifndef FOVEA_TOOLS_FOVEA_VERIFY_H
#define FOVEA_TOOLS_FOVEA_VERIFY_H

#include "mlir/IR/BuiltinOps.h"
#include "runtime/tensor/Tensor.h"
#include "llvm/Support/raw_ostream.h"

namespace fovea::tool {

struct Comparison {
  double largestError = 0;
  /// The largest finite magnitude in the reference.
  double largestMagnitude = 0;
  /// Bound on the error relative to that magnitude; 0 for integers, which must be equal.
  double bound = 0;

  double relativeError() const;
  bool passes() const { return relativeError() <= bound; }
};

/// How far float results of a graph, an entry or a module, may be off whatever their own type, relative
/// to the largest magnitude: the reference executor rounds nothing, so what the graph rounds to a narrower type
/// (such as keys and values for a cache) is off by that, and quantised weights round the other
/// factor to 16 bits; large scores add theirs, see scoreBound. 0 if there is none of it.
double roundingBound(mlir::Operation *graph, bool quantized, double scoreRounding);

/// The bound that large scores ask for, from what runReference says of their rounding: where a bias
/// of hundreds is added, a score has as many digits less behind the point. At most 1e-3: a graph
/// whose results are off by more has lost them in its own type.
double scoreBound(double scoreRounding);

/// Both tensors have the same sizes. Elements that are NaN in both, or the same infinity, are
/// equal; one that is not finite on one side only makes the error infinite.
/// The bound is that of the result's type, and for floats at least `rounding`.
llvm::Expected<Comparison> compare(const TensorView &result, const TensorView &reference,
                                   double rounding);

/// "verify y: largest error 1.2e-07, 3.4e-08 of the largest magnitude (bound 1e-05): pass".
void printComparison(llvm::raw_ostream &os, llvm::StringRef name, const Comparison &comparison);

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_VERIFY_H
