// The comparison behind `fovea run --verify`.
#include "Verify.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include <cmath>
#include <limits>

using namespace fovea;
using namespace fovea::tool;

/// How far results of a type may lie from the float64 result, relative to its largest magnitude:
/// some tens of roundings in f32 accumulation, or one rounding of the type that is stored.
static double boundOf(DataType type) {
  switch (type) {
  case DataType::F64:
    return 1e-12;
  case DataType::F32:
    return 1e-5;
  case DataType::F16:
    return 2e-3;
  case DataType::BF16:
    return 2e-2;
  default:
    return 0;
  }
}

/// Rows of products with quantised weights are rounded by up to 1.5e-5 of the largest of 32
/// elements: about 2e-5 of the results of one product, and some times that behind tens of layers.
static constexpr double quantizedBound = 2e-4;

double Comparison::relativeError() const {
  if (largestError == 0)
    return 0;
  return largestMagnitude == 0 ? std::numeric_limits<double>::infinity()
                               : largestError / largestMagnitude;
}

static double errorBetween(double result, double reference) {
  if (result == reference || (std::isnan(result) && std::isnan(reference)))
    return 0;
  double difference = std::fabs(result - reference);
  return std::isfinite(difference) ? difference : std::numeric_limits<double>::infinity();
}

llvm::Expected<Comparison> tool::compare(const TensorView &result, const TensorView &reference,
                                         bool quantized) {
  if (result.sizes() != reference.sizes())
    return llvm::createStringError("the compiled code gave " + result.describe() +
                                   ", the reference " + reference.describe());
  Comparison comparison;
  comparison.bound = boundOf(result.dataType());
  if (quantized && result.dataType() == DataType::F32)
    comparison.bound = quantizedBound;
  std::vector<double> results = toDoubles(result), references = toDoubles(reference);
  for (auto [got, expected] : llvm::zip_equal(results, references)) {
    comparison.largestError = std::max(comparison.largestError, errorBetween(got, expected));
    if (std::isfinite(expected))
      comparison.largestMagnitude = std::max(comparison.largestMagnitude, std::fabs(expected));
  }
  return comparison;
}

void tool::printComparison(llvm::raw_ostream &os, llvm::StringRef name,
                           const Comparison &comparison) {
  os << "verify " << name << ": largest error "
     << llvm::format("%.3g, %.3g of the largest magnitude (bound %.0g): ", comparison.largestError,
                     comparison.relativeError(), comparison.bound)
     << (comparison.passes() ? "pass" : "FAIL") << "\n";
}
