// The comparison behind `fovea run --verify`.
#include "Verify.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "runtime/Signature.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include <algorithm>
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

/// A score is rounded when it is computed from a product, when what is added to it is, when that is
/// added, and when the base becomes 2.
static constexpr double scoreRoundings = 4, largestScoreBound = 1e-3;

double tool::roundingBound(mlir::Operation *graph, bool quantized, double scoreRounding) {
  double bound = std::max(quantized ? quantizedBound : 0, scoreBound(scoreRounding));
  graph->walk([&](mlir::arith::TruncFOp op) {
    if (auto type = toDataType(mlir::getElementTypeOrSelf(op.getType())))
      bound = std::max(bound, boundOf(*type));
  });
  return bound;
}

double tool::scoreBound(double scoreRounding) {
  return std::min(scoreRoundings * scoreRounding, largestScoreBound);
}

double Comparison::relativeError() const {
  if (largestError == 0)
    return 0;
  return largestMagnitude == 0 ? std::numeric_limits<double>::infinity()
                               : largestError / largestMagnitude;
}

/// What is smaller may be lost whatever the largest magnitude: below the normal numbers of the type
/// that is computed in, and half a step of the smallest numbers of f16.
static double negligibleFor(DataType type) {
  if (type == DataType::F64)
    return std::numeric_limits<double>::min();
  return type == DataType::F16 ? 0x1p-25 : std::numeric_limits<float>::min();
}

static double errorBetween(double result, double reference, double negligible) {
  if (result == reference || (std::isnan(result) && std::isnan(reference)))
    return 0;
  double difference = std::fabs(result - reference);
  if (difference <= negligible)
    return 0;
  return std::isfinite(difference) ? difference : std::numeric_limits<double>::infinity();
}

/// Exact where doubles are not: unequal integers never have the error 0.
static double errorBetween(int64_t result, int64_t reference, double) {
  auto [low, high] = std::minmax(result, reference);
  return static_cast<double>(static_cast<uint64_t>(high) - static_cast<uint64_t>(low));
}

template <typename Element>
static void addErrors(llvm::ArrayRef<Element> results, llvm::ArrayRef<Element> references,
                      double negligible, Comparison &comparison) {
  for (auto [got, expected] : llvm::zip_equal(results, references)) {
    double error = errorBetween(got, expected, negligible);
    comparison.largestError = std::max(comparison.largestError, error);
    double magnitude = std::fabs(static_cast<double>(expected));
    if (std::isfinite(magnitude))
      comparison.largestMagnitude = std::max(comparison.largestMagnitude, magnitude);
  }
}

static llvm::Error compareIntegers(const TensorView &result, const TensorView &reference,
                                   Comparison &comparison) {
  llvm::Expected<Tensor> results = Tensor::copyOf(result);
  if (!results)
    return results.takeError();
  llvm::Expected<Tensor> references = Tensor::copyOf(reference);
  if (!references)
    return references.takeError();
  size_t count = results->numElements();
  addErrors(llvm::ArrayRef(results->dataAs<int64_t>(), count),
            llvm::ArrayRef(references->dataAs<int64_t>(), count), 0, comparison);
  return llvm::Error::success();
}

llvm::Expected<Comparison> tool::compare(const TensorView &result, const TensorView &reference,
                                         double rounding) {
  if (result.sizes() != reference.sizes())
    return llvm::createStringError("the compiled code gave " + result.describe() +
                                   ", the reference " + reference.describe());
  Comparison comparison;
  comparison.bound = boundOf(result.dataType());
  if (comparison.bound > 0)
    comparison.bound = std::max(comparison.bound, rounding);
  // Every other type fits doubles.
  if (result.dataType() == DataType::I64 && reference.dataType() == DataType::I64) {
    if (llvm::Error error = compareIntegers(result, reference, comparison))
      return std::move(error);
    return comparison;
  }
  std::vector<double> results = toDoubles(result), references = toDoubles(reference);
  addErrors<double>(results, references, negligibleFor(result.dataType()), comparison);
  return comparison;
}

void tool::printComparison(llvm::raw_ostream &os, llvm::StringRef name,
                           const Comparison &comparison) {
  os << "verify " << name << ": largest error "
     << llvm::format("%.3g, %.3g of the largest magnitude (bound %.0g): ", comparison.largestError,
                     comparison.relativeError(), comparison.bound)
     << (comparison.passes() ? "pass" : "FAIL") << "\n";
}
