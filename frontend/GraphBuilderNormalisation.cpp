// Normalisation of rows: layer norm and RMS norm.
#include "frontend/GraphBuilderDetail.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

GraphBuilder::TensorOrError GraphBuilder::rowSum(const SymbolicTensor &x, ElementBody map,
                                                 ArrayRef<SymbolicTensor> perRow) {
  Type type = accumulatorType(x.elementType());
  IndexList kept = identityLoops(x.rank() - 1);
  SmallVector<SymbolicTensor> inputs = {x};
  SmallVector<IndexList> loops = {identityLoops(x.rank())};
  for (const SymbolicTensor &row : perRow) {
    inputs.push_back(row);
    loops.push_back(kept);
  }
  auto body = [&](OpBuilder &builder, ValueRange elements) {
    SmallVector<Value> wide(elements.drop_back());
    wide[0] = buildCast(builder, currentLoc, wide[0], type);
    return buildBinary(builder, currentLoc, BinaryKind::Add, elements.back(), map(builder, wide));
  };
  return reduceWith(inputs, loops, x.shape, kept, constantAttr(0, type), body);
}

GraphBuilder::TensorOrError GraphBuilder::inverseDeviation(const SymbolicTensor &squares,
                                                           Value size, double epsilon) {
  auto body = [&](OpBuilder &builder, ValueRange elements) -> Value {
    Value mean = arith::DivFOp::create(builder, currentLoc, elements[0], size);
    Value floor = buildConstant(builder, currentLoc, epsilon, size.getType());
    return math::RsqrtOp::create(builder, currentLoc,
                                 arith::AddFOp::create(builder, currentLoc, mean, floor));
  };
  return elementwise(squares, squares.shape, squares.elementType(), body);
}

static llvm::Error checkNorm(StringRef name, const SymbolicTensor &x,
                             ArrayRef<std::optional<SymbolicTensor>> perColumn) {
  if (llvm::Error error = checkFloat(name, "the input", x))
    return error;
  if (llvm::Error error = checkHasDims(name, x))
    return error;
  for (const std::optional<SymbolicTensor> &vector : perColumn) {
    if (!vector)
      continue;
    if (llvm::Error error = checkSameElementType(name, x, *vector))
      return error;
    if (vector->shape != SymbolicShape{x.shape.back()})
      return makeError(name + ": expected weight and bias of shape [" + x.shape.back().str() +
                       "], got " + vector->str());
  }
  return llvm::Error::success();
}

/// ((x - mean) * inverse) * weight + bias, what is absent left out; one generic.
GraphBuilder::TensorOrError GraphBuilder::scaleRows(const SymbolicTensor &x,
                                                    const std::optional<SymbolicTensor> &mean,
                                                    const SymbolicTensor &inverse,
                                                    const std::optional<SymbolicTensor> &weight,
                                                    const std::optional<SymbolicTensor> &bias) {
  Type type = inverse.elementType();
  SmallVector<SymbolicTensor> inputs = {x};
  for (const std::optional<SymbolicTensor> &row : {mean, std::optional(inverse)}) {
    if (!row)
      continue;
    TensorOrError column = unsqueeze(*row, -1);
    if (!column)
      return column.takeError();
    inputs.push_back(*column);
  }
  for (const std::optional<SymbolicTensor> &vector : {weight, bias})
    if (vector)
      inputs.push_back(*vector);
  auto body = [&](OpBuilder &builder, ValueRange elements) {
    auto next = elements.begin();
    auto apply = [&](BinaryKind kind, Value value) {
      return buildBinary(builder, currentLoc, kind, value,
                         buildCast(builder, currentLoc, *next++, type));
    };
    Value value = buildCast(builder, currentLoc, *next++, type);
    if (mean)
      value = apply(BinaryKind::Sub, value);
    value = apply(BinaryKind::Mul, value);
    if (weight)
      value = apply(BinaryKind::Mul, value);
    if (bias)
      value = apply(BinaryKind::Add, value);
    return buildCast(builder, currentLoc, value, x.elementType());
  };
  return elementwise(inputs, x.shape, x.elementType(), body);
}

GraphBuilder::TensorOrError GraphBuilder::layerNorm(const SymbolicTensor &x,
                                                    const std::optional<SymbolicTensor> &weight,
                                                    const std::optional<SymbolicTensor> &bias,
                                                    double epsilon) {
  if (llvm::Error error = checkNorm("layer_norm", x, {weight, bias}))
    return error;
  Expected<Value> size = sizeAs(x.shape.back(), accumulatorType(x.elementType()));
  if (!size)
    return size.takeError();
  TensorOrError sum = rowSum(x, [](OpBuilder &, ValueRange elements) { return elements[0]; });
  TensorOrError mean = sum ? divideBySize(*sum, x, identityLoops(x.rank() - 1)) : sum.takeError();
  if (!mean)
    return mean.takeError();
  auto squaredDeviation = [&](OpBuilder &builder, ValueRange elements) -> Value {
    Value deviation = arith::SubFOp::create(builder, currentLoc, elements[0], elements[1]);
    return arith::MulFOp::create(builder, currentLoc, deviation, deviation);
  };
  TensorOrError squares = rowSum(x, squaredDeviation, *mean);
  TensorOrError inverse =
      squares ? inverseDeviation(*squares, *size, epsilon) : squares.takeError();
  return inverse ? scaleRows(x, *mean, *inverse, weight, bias) : inverse.takeError();
}

GraphBuilder::TensorOrError GraphBuilder::rmsNorm(const SymbolicTensor &x,
                                                  const std::optional<SymbolicTensor> &weight,
                                                  double epsilon) {
  if (llvm::Error error = checkNorm("rms_norm", x, weight))
    return error;
  Expected<Value> size = sizeAs(x.shape.back(), accumulatorType(x.elementType()));
  if (!size)
    return size.takeError();
  auto square = [&](OpBuilder &builder, ValueRange elements) -> Value {
    return arith::MulFOp::create(builder, currentLoc, elements[0], elements[0]);
  };
  TensorOrError squares = rowSum(x, square);
  TensorOrError inverse =
      squares ? inverseDeviation(*squares, *size, epsilon) : squares.takeError();
  return inverse ? scaleRows(x, std::nullopt, *inverse, weight, std::nullopt) : inverse.takeError();
}
