// Norms and variances: reductions of what is computed of each element, in one pass each.
#include "frontend/GraphBuilderDetail.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

GraphBuilder::TensorOrError GraphBuilder::norm(const SymbolicTensor &x, double order,
                                               ArrayRef<int64_t> dims, bool keepDims) {
  if (llvm::Error error = checkFloat("norm", "the input", x))
    return error;
  bool isLargest = std::isinf(order) && order > 0;
  if (order != 1 && order != 2 && !isLargest)
    return makeError("norm: expected an order of 1, 2 or inf, got " + formatNumber(order));
  TensorOrError wide = cast(x, accumulatorType(x.elementType()));
  TensorOrError parts = !wide        ? wide.takeError()
                        : order == 2 ? mul(*wide, *wide)
                                     : unary(UnaryKind::Abs, *wide);
  ReduceKind kind = isLargest ? ReduceKind::Max : ReduceKind::Sum;
  TensorOrError whole = parts ? reduce(kind, *parts, dims, keepDims) : parts.takeError();
  if (whole && order == 2)
    whole = unary(UnaryKind::Sqrt, *whole);
  return whole ? cast(*whole, x.elementType()) : std::move(whole);
}

/// How many elements are added up, less the correction and not below 0.
Expected<Value> GraphBuilder::degreesOfFreedom(const SymbolicTensor &x, ArrayRef<int64_t> dims,
                                               double correction) {
  Expected<IndexList> kept = keptLoops("var", dims, x.rank());
  if (!kept)
    return kept.takeError();
  SymbolicShape reduced;
  for (int64_t dim = 0; dim < x.rank(); ++dim)
    if (!llvm::is_contained(*kept, dim))
      reduced.push_back(x.dim(dim));
  Expected<SymbolicDim> count = numElements(reduced);
  Expected<Value> size = count ? sizeAs(*count, x.elementType()) : count.takeError();
  if (!size)
    return size.takeError();
  auto constant = [&](double value) {
    return buildConstant(ir, currentLoc, value, x.elementType());
  };
  if (std::optional<int64_t> known = count->constant())
    return constant(std::max(static_cast<double>(*known) - correction, 0.0));
  Value less = buildBinary(ir, currentLoc, BinaryKind::Sub, *size, constant(correction));
  return buildBinary(ir, currentLoc, BinaryKind::Max, less, constant(0));
}

GraphBuilder::TensorOrError GraphBuilder::variance(const SymbolicTensor &x, ArrayRef<int64_t> dims,
                                                   double correction, bool keepDims) {
  if (llvm::Error error = checkFloat("var", "the input", x))
    return error;
  if (x.rank() == 0) {
    TensorOrError row = unsqueeze(x, 0);
    return row ? variance(*row, dims, correction) : std::move(row);
  }
  TensorOrError wide = cast(x, accumulatorType(x.elementType()));
  Expected<Value> divisor =
      wide ? degreesOfFreedom(*wide, dims, correction) : Expected<Value>(wide.takeError());
  if (!divisor)
    return divisor.takeError();
  TensorOrError mean = reduce(ReduceKind::Mean, *wide, dims, /*keepDims=*/true);
  TensorOrError distance = mean ? sub(*wide, *mean) : mean.takeError();
  TensorOrError squares = distance ? mul(*distance, *distance) : distance.takeError();
  TensorOrError sum =
      squares ? reduce(ReduceKind::Sum, *squares, dims, keepDims) : squares.takeError();
  if (!sum)
    return sum;
  auto body = [&](OpBuilder &builder, ValueRange elements) -> Value {
    Value quotient = arith::DivFOp::create(builder, currentLoc, elements[0], *divisor);
    return buildCast(builder, currentLoc, quotient, x.elementType());
  };
  return elementwise(*sum, sum->shape, x.elementType(), body);
}
