// Elementwise ops: one linalg.generic each, whose maps do the broadcasting.
#include "frontend/GraphBuilderDetail.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

Expected<GraphBuilder::MappedOperand> GraphBuilder::mapOperand(const SymbolicTensor &x,
                                                               ArrayRef<int64_t> loops,
                                                               ArrayRef<SymbolicDim> loopSizes) {
  SmallVector<bool> drop;
  SmallVector<AffineExpr> exprs;
  for (auto [dim, loop] : llvm::zip_equal(x.shape, loops)) {
    drop.push_back(dim == SymbolicDim(1) && !(loopSizes[loop] == SymbolicDim(1)));
    if (!drop.back())
      exprs.push_back(ir.getAffineDimExpr(static_cast<unsigned>(loop)));
  }
  TensorOrError operand = dropUnitDims(x, drop);
  if (!operand)
    return operand.takeError();
  return MappedOperand{operand->value, AffineMap::get(static_cast<unsigned>(loopSizes.size()), 0,
                                                      exprs, ir.getContext())};
}

/// The element of a constant scalar, so that it stands in the body instead of being an operand.
static TypedAttr constantElement(const SymbolicTensor &x) {
  DenseElementsAttr constant;
  if (x.rank() != 0 || !matchPattern(x.value, m_Constant(&constant)))
    return {};
  return cast<TypedAttr>(*constant.value_begin<Attribute>());
}

GraphBuilder::TensorOrError GraphBuilder::elementwise(ArrayRef<SymbolicTensor> inputs,
                                                      SymbolicShape shape, Type elementType,
                                                      ElementBody body) {
  SmallVector<Value> elements(inputs.size()); // Set for constants, null for operands.
  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  for (auto [index, input] : llvm::enumerate(inputs)) {
    TypedAttr constant = constantElement(input);
    if (constant || shape.empty()) {
      Expected<Value> element = extractScalar(input);
      if (!element)
        return element.takeError();
      elements[index] = *element;
      continue;
    }
    SmallVector<int64_t> loops = llvm::to_vector(
        llvm::seq<int64_t>(static_cast<int64_t>(shape.size()) - input.rank(), shape.size()));
    Expected<MappedOperand> operand = mapOperand(input, loops, shape);
    if (!operand)
      return operand.takeError();
    operands.push_back(operand->value);
    maps.push_back(operand->map);
  }
  if (shape.empty()) {
    Value scalar = tensor::FromElementsOp::create(
        ir, currentLoc, RankedTensorType::get({}, elementType), body(ir, elements));
    return SymbolicTensor{scalar, {}};
  }
  Expected<Value> init = emptyTensor(shape, elementType);
  if (!init)
    return init.takeError();
  maps.push_back(ir.getMultiDimIdentityMap(static_cast<unsigned>(shape.size())));
  SmallVector<utils::IteratorType> iterators(shape.size(), utils::IteratorType::parallel);
  auto buildBody = [&](OpBuilder &builder, Location loc, ValueRange arguments) {
    auto argument = arguments.begin();
    for (Value &element : elements)
      if (!element)
        element = *argument++;
    linalg::YieldOp::create(builder, loc, body(builder, elements));
  };
  auto op = linalg::GenericOp::create(ir, currentLoc, init->getType(), operands, *init, maps,
                                      iterators, buildBody);
  return SymbolicTensor{op.getResult(0), std::move(shape)};
}

GraphBuilder::TensorOrError GraphBuilder::unary(UnaryKind kind, const SymbolicTensor &x) {
  if (llvm::Error error = checkType(kind, x.elementType()))
    return error;
  auto body = [&](OpBuilder &builder, ValueRange elements) {
    return buildUnary(builder, currentLoc, kind, elements[0]);
  };
  return elementwise(x, x.shape, x.elementType(), body);
}

GraphBuilder::TensorOrError GraphBuilder::binary(BinaryKind kind, const SymbolicTensor &a,
                                                 const SymbolicTensor &b) {
  if (llvm::Error error = checkSameElementType(stringify(kind), a, b))
    return error;
  if (llvm::Error error = checkType(kind, a.elementType()))
    return error;
  Expected<SymbolicShape> shape = broadcastShapes(stringify(kind), {a.shape, b.shape});
  if (!shape)
    return shape.takeError();
  auto body = [&](OpBuilder &builder, ValueRange elements) {
    return buildBinary(builder, currentLoc, kind, elements[0], elements[1]);
  };
  return elementwise({a, b}, *shape, a.elementType(), body);
}

GraphBuilder::TensorOrError GraphBuilder::compare(CompareKind kind, const SymbolicTensor &a,
                                                  const SymbolicTensor &b) {
  if (llvm::Error error = checkSameElementType(stringify(kind), a, b))
    return error;
  Expected<SymbolicShape> shape = broadcastShapes(stringify(kind), {a.shape, b.shape});
  if (!shape)
    return shape.takeError();
  auto body = [&](OpBuilder &builder, ValueRange elements) {
    return buildCompare(builder, currentLoc, kind, elements[0], elements[1]);
  };
  return elementwise({a, b}, *shape, ir.getI1Type(), body);
}

GraphBuilder::TensorOrError GraphBuilder::where(const SymbolicTensor &condition,
                                                const SymbolicTensor &ifTrue,
                                                const SymbolicTensor &ifFalse) {
  if (llvm::Error error = checkElementType("where", "the condition", condition, ir.getI1Type()))
    return error;
  if (llvm::Error error = checkSameElementType("where", ifTrue, ifFalse))
    return error;
  Expected<SymbolicShape> shape =
      broadcastShapes("where", {condition.shape, ifTrue.shape, ifFalse.shape});
  if (!shape)
    return shape.takeError();
  auto body = [&](OpBuilder &builder, ValueRange elements) -> Value {
    return arith::SelectOp::create(builder, currentLoc, elements[0], elements[1], elements[2]);
  };
  return elementwise({condition, ifTrue, ifFalse}, *shape, ifTrue.elementType(), body);
}

GraphBuilder::TensorOrError GraphBuilder::cast(const SymbolicTensor &x, Type elementType) {
  if (!isa<FloatType, IntegerType>(elementType))
    return makeError("cast: expected a float, integer or bool type, got " +
                     formatType(elementType));
  if (x.elementType() == elementType)
    return x;
  auto body = [&](OpBuilder &builder, ValueRange elements) {
    return buildCast(builder, currentLoc, elements[0], elementType);
  };
  return elementwise(x, x.shape, elementType, body);
}

GraphBuilder::TensorOrError GraphBuilder::broadcastTo(const SymbolicTensor &x,
                                                      ArrayRef<SymbolicDim> shape) {
  SymbolicShape target(shape);
  Expected<SymbolicShape> common = broadcastShapes("broadcast", {x.shape, target});
  if (!common)
    return common.takeError();
  if (*common != target)
    return makeError("broadcast: expected a shape that broadcasts to " + formatShape(target) +
                     ", got " + x.str());
  if (x.shape == target)
    return x;
  auto body = [](OpBuilder &, ValueRange elements) { return elements[0]; };
  return elementwise(x, std::move(target), x.elementType(), body);
}

GraphBuilder::TensorOrError GraphBuilder::triangle(TriangleKind kind, const SymbolicTensor &x,
                                                   int64_t diagonal) {
  StringRef name = kind == TriangleKind::Lower ? "tril" : "triu";
  if (x.rank() < 2)
    return makeError(name + ": expected rank 2 or more, got " + x.str());
  auto body = [&](OpBuilder &builder, ValueRange elements) -> Value {
    Value row = linalg::IndexOp::create(builder, currentLoc, x.rank() - 2);
    Value column = linalg::IndexOp::create(builder, currentLoc, x.rank() - 1);
    Value shift = arith::ConstantIndexOp::create(builder, currentLoc, diagonal);
    Value edge = buildBinary(builder, currentLoc, BinaryKind::Add, row, shift);
    CompareKind keeps = kind == TriangleKind::Lower ? CompareKind::Le : CompareKind::Ge;
    Value isKept = buildCompare(builder, currentLoc, keeps, column, edge);
    Value zero = buildConstant(builder, currentLoc, 0, x.elementType());
    return arith::SelectOp::create(builder, currentLoc, isKept, elements[0], zero);
  };
  return elementwise(x, x.shape, x.elementType(), body);
}
