// Constants, scalars and tensors made from indices.
#include "frontend/GraphBuilderDetail.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include <cmath>

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

/// 2^63 is the first double that does not fit.
static llvm::Error checkRepresentable(double value, Type type) {
  if (!isa<FloatType, IntegerType>(type))
    return makeError("constant: expected a float, integer or bool type, got " + formatType(type));
  if (isa<FloatType>(type) || type.isInteger(1))
    return llvm::Error::success();
  // Above 2^53 a double may stand for another integer than the caller meant.
  double limit = std::ldexp(1.0, std::min(static_cast<int>(type.getIntOrFloatBitWidth()) - 1, 53));
  if (value >= -limit && value < limit && value == std::trunc(value))
    return llvm::Error::success();
  return makeError("constant: expected a value of " + formatType(type) + ", got " +
                   formatNumber(value));
}

GraphBuilder::TensorOrError GraphBuilder::scalar(double value, Type elementType) {
  return constant(value, elementType, {});
}

GraphBuilder::TensorOrError GraphBuilder::integerScalar(int64_t value, Type elementType) {
  if (llvm::Error error = checkInFunction())
    return error;
  auto type = dyn_cast<IntegerType>(elementType);
  bool fits = type && (type.getWidth() == 1 ? value == 0 || value == 1
                                            : llvm::isIntN(type.getWidth(), value));
  if (!fits)
    return makeError("constant: expected a value of " + formatType(elementType) + ", got " +
                     Twine(value));
  auto dense = DenseElementsAttr::get(tensorType({}, type),
                                      ArrayRef<Attribute>(IntegerAttr::get(type, value)));
  return SymbolicTensor{arith::ConstantOp::create(ir, currentLoc, dense), {}};
}

GraphBuilder::TensorOrError GraphBuilder::constant(ArrayRef<double> values, Type elementType,
                                                   ArrayRef<int64_t> shape) {
  if (llvm::Error error = checkInFunction())
    return error;
  SymbolicShape dims(shape.begin(), shape.end());
  if (llvm::Error error = checkShape("constant", dims))
    return error;
  int64_t count = *llvm::cantFail(numElements(dims)).constant();
  if (count != static_cast<int64_t>(values.size()))
    return makeError("constant: expected " + Twine(count) + " values for " + formatShape(dims) +
                     ", got " + Twine(values.size()));
  SmallVector<Attribute> elements;
  for (double value : values) {
    if (llvm::Error error = checkRepresentable(value, elementType))
      return error;
    elements.push_back(constantAttr(value, elementType));
  }
  auto dense = DenseElementsAttr::get(tensorType(dims, elementType), elements);
  return SymbolicTensor{arith::ConstantOp::create(ir, currentLoc, dense), std::move(dims)};
}

GraphBuilder::TensorOrError GraphBuilder::full(double value, Type elementType,
                                               ArrayRef<SymbolicDim> shape) {
  if (shape.empty())
    return scalar(value, elementType);
  if (llvm::Error error = checkRepresentable(value, elementType))
    return error;
  Expected<Value> filled = filledTensor(shape, constantAttr(value, elementType));
  if (!filled)
    return filled.takeError();
  return SymbolicTensor{*filled, SymbolicShape(shape)};
}

GraphBuilder::TensorOrError GraphBuilder::zeros(Type elementType, ArrayRef<SymbolicDim> shape) {
  return full(0, elementType, shape);
}

GraphBuilder::TensorOrError GraphBuilder::ones(Type elementType, ArrayRef<SymbolicDim> shape) {
  return full(1, elementType, shape);
}

GraphBuilder::TensorOrError GraphBuilder::eye(Type elementType, const SymbolicDim &rows,
                                              const SymbolicDim &columns) {
  if (llvm::Error error = checkRepresentable(1, elementType))
    return error;
  auto body = [&](OpBuilder &builder, ValueRange) -> Value {
    Value row = linalg::IndexOp::create(builder, currentLoc, 0);
    Value column = linalg::IndexOp::create(builder, currentLoc, 1);
    Value isDiagonal = buildCompare(builder, currentLoc, CompareKind::Eq, row, column);
    return buildCast(builder, currentLoc, isDiagonal, elementType);
  };
  return elementwise({}, {rows, columns}, elementType, body);
}

GraphBuilder::TensorOrError GraphBuilder::arange(Type elementType, const SymbolicDim &count,
                                                 double begin, double step) {
  for (double value : {begin, step})
    if (llvm::Error error = checkRepresentable(value, elementType))
      return error;
  auto body = [&](OpBuilder &builder, ValueRange) -> Value {
    Value index = linalg::IndexOp::create(builder, currentLoc, 0);
    Value value = buildCast(builder, currentLoc, index, elementType);
    if (step != 1)
      value = buildBinary(builder, currentLoc, BinaryKind::Mul, value,
                          buildConstant(builder, currentLoc, step, elementType));
    if (begin != 0)
      value = buildBinary(builder, currentLoc, BinaryKind::Add, value,
                          buildConstant(builder, currentLoc, begin, elementType));
    return value;
  };
  return elementwise({}, {count}, elementType, body);
}

GraphBuilder::TensorOrError GraphBuilder::dimScalar(const SymbolicDim &dim) {
  Expected<Value> size = dimValue(dim);
  return size ? fromIndex(*size) : size.takeError();
}

GraphBuilder::TensorOrError GraphBuilder::fromIndex(Value index) {
  if (llvm::Error error = checkInFunction())
    return error;
  Value integer = buildCast(ir, currentLoc, index, ir.getI64Type());
  Value scalar = tensor::FromElementsOp::create(
      ir, currentLoc, RankedTensorType::get({}, integer.getType()), integer);
  return SymbolicTensor{scalar, {}};
}

Expected<Value> GraphBuilder::toIndex(const SymbolicTensor &scalar) {
  if (llvm::Error error = checkIntegerScalar("index", "it", scalar))
    return error;
  Expected<Value> element = extractScalar(scalar);
  if (!element)
    return element.takeError();
  // The way back of fromIndex.
  if (auto cast = element->getDefiningOp<arith::IndexCastOp>())
    if (cast.getIn().getType().isIndex())
      return cast.getIn();
  return buildCast(ir, currentLoc, *element, ir.getIndexType());
}

Expected<Value> GraphBuilder::extractScalar(const SymbolicTensor &scalar) {
  if (scalar.rank() != 0)
    return makeError("expected a scalar, got " + scalar.str());
  if (auto elements = scalar.value.getDefiningOp<tensor::FromElementsOp>())
    return elements.getElements().front();
  DenseElementsAttr constant;
  if (matchPattern(scalar.value, m_Constant(&constant))) {
    auto value = cast<TypedAttr>(*constant.value_begin<Attribute>());
    return arith::ConstantOp::create(ir, currentLoc, value).getResult();
  }
  return tensor::ExtractOp::create(ir, currentLoc, scalar.value, ValueRange()).getResult();
}
