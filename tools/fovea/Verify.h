// Compares the results of compiled code with those of the reference executor.
#ifndef FOVEA_TOOLS_FOVEA_VERIFY_H
#define FOVEA_TOOLS_FOVEA_VERIFY_H

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

/// Both tensors have the same sizes. Elements that are NaN in both, or the same infinity, are
/// equal; one that is not finite on one side only makes the error infinite.
/// With quantised weights other operands are rounded to 16 bits, and the bound is larger.
llvm::Expected<Comparison> compare(const TensorView &result, const TensorView &reference,
                                   bool quantized = false);

/// "verify y: largest error 1.2e-07, 3.4e-08 of the largest magnitude (bound 1e-05): pass".
void printComparison(llvm::raw_ostream &os, llvm::StringRef name, const Comparison &comparison);

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_VERIFY_H
