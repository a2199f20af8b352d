// Softmaxes as expressions of one element: exponentials divided by their sum, in any grouping, and
// what a softmax op is read as.
#ifndef FOVEA_PASSES_RAISE_NORMALIZEDMATCHER_H
#define FOVEA_PASSES_RAISE_NORMALIZEDMATCHER_H

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Region.h"
#include "passes/tensors/ElementReader.h"

namespace fovea {

/// An element before float types were changed, which no softmax depends on but by rounding.
mlir::Value stripCasts(mlir::Value element);

/// x of b^x, exp(x) having the base e; `logarithm` is that of b. Null if it is no power of a
/// number above 0 other than 1.
mlir::Value matchPower(mlir::Value element, double &logarithm);

/// The score under a softmax, the dim it is normalised along, and the logit of a sink, if any.
struct Normalized {
  mlir::Value score;
  int64_t keyDim;
  mlir::Value sink = mlir::Value();
};

/// A weight before it is divided by the sum of all: exp(score - shift); without `shift` exp(score).
struct Exponential {
  mlir::Value score, shift;
};

/// Matches scalar expressions of one element of `weights`, at the indices `args`.
class NormalizedMatcher {
public:
  NormalizedMatcher(mlir::OpBuilder &builder, mlir::Location loc, ElementReader &reader,
                    mlir::Value weights, llvm::SmallVector<mlir::Value> args)
      : builder(builder), loc(loc), reader(reader), weights(weights), args(std::move(args)) {}

  mlir::Value read(mlir::Value tensor) { return reader.read(tensor, args); }
  /// The weights of `op`: of a softmax op, or of one that is spelled out and ends there.
  std::optional<Normalized> matchResult(mlir::Operation *op);
  /// `root` is exponentials divided by their sum.
  std::optional<Normalized> matchQuotient(mlir::Value root);
  /// An element of a softmax op at `args`, or of one that is spelled out.
  std::optional<Normalized> matchSoftmaxOpElement(mlir::Value element);
  /// The scores and the sink of a softmax whose scores are two parts, one of them a column
  /// (SinkColumn.cpp).
  std::optional<Normalized> splitColumn(const Normalized &whole, mlir::tensor::ExtractSliceOp slice,
                                        bool columnFirst);

private:
  std::optional<Normalized> matchLogarithm(mlir::Value root);
  std::optional<Normalized> matchRenormalized(mlir::Value product, int64_t keyDim);
  mlir::Value readSum(mlir::Value divisor, int64_t &keyDim);
  // MaskedWeights.cpp: what is dropped of a softmax's weights.
  std::optional<Normalized> matchMaskedWeights(mlir::Value root);
  bool dropsHiddenRows(mlir::Value score, mlir::Value kept, bool keepsWhereTrue, int64_t keyDim);
  mlir::Value readReductionOver(mlir::Value reduced, int64_t &keyDim, mlir::Operation *&combiner,
                                mlir::Value &init);
  mlir::Value stripShift(mlir::Value score, int64_t keyDim);
  Normalized matchSource(mlir::Value scores, int64_t keyDim);
  bool isSameForAllKeys(mlir::Value element, int64_t keyDim);

  // MatchExponential.cpp: what is summed up.
  std::optional<Exponential> matchExponential(mlir::Value weight, int64_t keyDim);
  mlir::Value matchSink(mlir::Value addend, mlir::Value shift, int64_t keyDim);
  mlir::Value times(mlir::Value value, double factor);
  mlir::Value emitMasked(mlir::Value score, mlir::Value allowed, bool keepsWhereTrue);
  std::pair<mlir::Value, mlir::Value> matchKeptWhere(mlir::Value product, bool &keepsWhereTrue);

  mlir::OpBuilder &builder;
  mlir::Location loc;
  ElementReader &reader;
  mlir::Value weights;
  llvm::SmallVector<mlir::Value> args;
};

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_NORMALIZEDMATCHER_H
