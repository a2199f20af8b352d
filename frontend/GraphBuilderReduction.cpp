// Reductions over any dims: sums, means, extremes and truth.
#include "frontend/GraphBuilderDetail.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

GraphBuilder::TensorOrError GraphBuilder::reduceWith(ArrayRef<SymbolicTensor> inputs,
                                                     ArrayRef<IndexList> inputLoops,
                                                     ArrayRef<SymbolicDim> loopSizes,
                                                     ArrayRef<int64_t> kept, TypedAttr initial,
                                                     ElementBody body) {
  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  for (auto [input, loops] : llvm::zip_equal(inputs, inputLoops)) {
    Expected<MappedOperand> operand = mapOperand(input, loops, loopSizes);
    if (!operand)
      return operand.takeError();
    operands.push_back(operand->value);
    maps.push_back(operand->map);
  }
  SymbolicShape shape = pickDims(loopSizes, kept);
  Expected<Value> init = filledTensor(shape, initial);
  if (!init)
    return init.takeError();
  maps.push_back(loopMap(kept, loopSizes.size(), ir.getContext()));
  auto buildBody = [&](OpBuilder &builder, Location loc, ValueRange elements) {
    linalg::YieldOp::create(builder, loc, body(builder, elements));
  };
  auto op = linalg::GenericOp::create(ir, currentLoc, init->getType(), operands, *init, maps,
                                      iteratorsOf(loopSizes.size(), kept), buildBody);
  return SymbolicTensor{op.getResult(0), std::move(shape)};
}

static StringRef nameOf(ReduceKind kind) {
  static constexpr StringLiteral names[] = {"sum",    "mean",   "max", "min",
                                            "argmax", "argmin", "any", "all"};
  return names[static_cast<size_t>(kind)];
}

static bool isTruth(ReduceKind kind) { return kind == ReduceKind::Any || kind == ReduceKind::All; }

static bool isPlace(ReduceKind kind) {
  return kind == ReduceKind::ArgMax || kind == ReduceKind::ArgMin;
}

static llvm::Error checkReduction(ReduceKind kind, const SymbolicTensor &x) {
  StringRef name = nameOf(kind);
  if (kind == ReduceKind::Mean)
    return checkFloat(name, "the input", x);
  if (x.elementType().isInteger(1) && isPlace(kind))
    return makeError(name + ": expected float or integer elements, got " + x.str());
  return llvm::Error::success();
}

Expected<Value> GraphBuilder::sizeAs(const SymbolicDim &size, Type type) {
  if (std::optional<int64_t> constant = size.constant())
    return buildConstant(ir, currentLoc, static_cast<double>(*constant), type);
  Expected<Value> value = dimValue(size);
  return value ? Expected<Value>(buildCast(ir, currentLoc, *value, type)) : value.takeError();
}

/// Sums of integers and booleans are i64, as PyTorch's are.
static bool isCount(ReduceKind kind, const SymbolicTensor &x) {
  return kind == ReduceKind::Sum && isa<IntegerType>(x.elementType());
}

/// The largest of booleans is whether any is true.
static ReduceKind kindFor(ReduceKind kind, const SymbolicTensor &x) {
  if (!x.elementType().isInteger(1))
    return kind;
  return kind == ReduceKind::Max   ? ReduceKind::Any
         : kind == ReduceKind::Min ? ReduceKind::All
                                   : kind;
}

GraphBuilder::TensorOrError GraphBuilder::reduce(ReduceKind kind, const SymbolicTensor &x,
                                                 ArrayRef<int64_t> dims, bool keepDims) {
  if (x.rank() == 0) { // as PyTorch has it, with or without dims to keep
    TensorOrError row = unsqueeze(x, 0);
    return row ? reduce(kind, *row, dims) : std::move(row);
  }
  kind = kindFor(kind, x);
  if (llvm::Error error = checkReduction(kind, x))
    return error;
  Expected<IndexList> kept = keptLoops(nameOf(kind), dims, x.rank());
  if (!kept)
    return kept.takeError();
  TensorOrError result = isPlace(kind) ? argExtreme(kind, x, *kept) : fold(kind, x, *kept);
  if (result && kind == ReduceKind::Mean)
    result = divideBySize(*result, x, *kept);
  bool keepsType = !isPlace(kind) && !isTruth(kind) && !isCount(kind, x);
  if (result && keepsType)
    result = cast(*result, x.elementType());
  return result && keepDims ? keepDimsOf(*result, x, *kept) : std::move(result);
}

/// In the type that sums are kept in.
GraphBuilder::TensorOrError GraphBuilder::fold(ReduceKind kind, const SymbolicTensor &x,
                                               ArrayRef<int64_t> kept) {
  bool isMax = kind == ReduceKind::Max, isExtreme = isMax || kind == ReduceKind::Min;
  Type type = isTruth(kind)      ? ir.getI1Type()
              : isExtreme        ? x.elementType()
              : isCount(kind, x) ? ir.getI64Type()
                                 : accumulatorType(x.elementType());
  TypedAttr initial =
      isExtreme ? extremeAttr(type, isMax) : constantAttr(kind == ReduceKind::All, type);
  BinaryKind combine = isMax                     ? BinaryKind::Max
                       : isExtreme               ? BinaryKind::Min
                       : kind == ReduceKind::Any ? BinaryKind::Or
                       : kind == ReduceKind::All ? BinaryKind::And
                                                 : BinaryKind::Add;
  auto body = [&](OpBuilder &builder, ValueRange elements) {
    return buildBinary(builder, currentLoc, combine,
                       buildCast(builder, currentLoc, elements[0], type), elements[1]);
  };
  return reduceWith(x, identityLoops(x.rank()), x.shape, kept, initial, body);
}

/// What is left of `x` with dims of 1 where it lacks those of `x`.
GraphBuilder::TensorOrError GraphBuilder::keepDimsOf(const SymbolicTensor &reduced,
                                                     const SymbolicTensor &x,
                                                     ArrayRef<int64_t> kept) {
  SymbolicShape shape(x.shape.size(), SymbolicDim(1));
  for (int64_t loop : kept)
    shape[loop] = x.shape[loop];
  return reshape(reduced, shape);
}

/// `sum` divided by the number of elements of `x` in each of its own.
GraphBuilder::TensorOrError GraphBuilder::divideBySize(const SymbolicTensor &sum,
                                                       const SymbolicTensor &x,
                                                       ArrayRef<int64_t> kept) {
  SymbolicShape reduced;
  for (int64_t dim = 0; dim < x.rank(); ++dim)
    if (!llvm::is_contained(kept, dim))
      reduced.push_back(x.dim(dim));
  Expected<SymbolicDim> count = numElements(reduced);
  Expected<Value> size = count ? sizeAs(*count, sum.elementType()) : count.takeError();
  if (!size)
    return size.takeError();
  auto body = [&](OpBuilder &builder, ValueRange elements) -> Value {
    return arith::DivFOp::create(builder, currentLoc, elements[0], *size);
  };
  return elementwise(sum, sum.shape, sum.elementType(), body);
}
