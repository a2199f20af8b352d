// Reductions, softmax and normalisation of rows.
#include "dialect/AttnOps.h"
#include "frontend/GraphBuilderDetail.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <limits>

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

static AffineMap mapOf(ArrayRef<int64_t> loops, size_t loopCount, MLIRContext *context) {
  auto exprs = llvm::map_to_vector(
      loops, [&](int64_t loop) { return getAffineDimExpr(static_cast<unsigned>(loop), context); });
  return AffineMap::get(static_cast<unsigned>(loopCount), 0, exprs, context);
}

static SmallVector<utils::IteratorType> iteratorsOf(size_t loopCount, ArrayRef<int64_t> kept) {
  SmallVector<utils::IteratorType> iterators(loopCount, utils::IteratorType::reduction);
  for (int64_t loop : kept)
    iterators[loop] = utils::IteratorType::parallel;
  return iterators;
}

static SymbolicShape pick(ArrayRef<SymbolicDim> sizes, ArrayRef<int64_t> loops) {
  return llvm::map_to_vector<4>(loops, [&](int64_t loop) { return sizes[loop]; });
}

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
  SymbolicShape shape = pick(loopSizes, kept);
  Expected<Value> init = filledTensor(shape, initial);
  if (!init)
    return init.takeError();
  maps.push_back(mapOf(kept, loopSizes.size(), ir.getContext()));
  auto buildBody = [&](OpBuilder &builder, Location loc, ValueRange elements) {
    linalg::YieldOp::create(builder, loc, body(builder, elements));
  };
  auto op = linalg::GenericOp::create(ir, currentLoc, init->getType(), operands, *init, maps,
                                      iteratorsOf(loopSizes.size(), kept), buildBody);
  return SymbolicTensor{op.getResult(0), std::move(shape)};
}

/// The value below (for Max) or above (for Min) all others.
static TypedAttr extremeAttr(Type type, bool isLowest) {
  if (isa<FloatType>(type)) {
    double infinity = std::numeric_limits<double>::infinity();
    return constantAttr(isLowest ? -infinity : infinity, type);
  }
  unsigned width = type.getIntOrFloatBitWidth();
  return IntegerAttr::get(type, isLowest ? APInt::getSignedMinValue(width)
                                         : APInt::getSignedMaxValue(width));
}

static StringRef nameOf(ReduceKind kind) {
  static constexpr StringLiteral names[] = {"sum", "mean", "max", "min", "argmax", "any", "all"};
  return names[static_cast<size_t>(kind)];
}

static bool isTruth(ReduceKind kind) { return kind == ReduceKind::Any || kind == ReduceKind::All; }

static llvm::Error checkReduction(ReduceKind kind, const SymbolicTensor &x) {
  StringRef name = nameOf(kind);
  if (llvm::Error error = checkHasDims(name, x))
    return error;
  if (kind == ReduceKind::Mean)
    return checkFloat(name, "the input", x);
  if (x.elementType().isInteger(1) && !isTruth(kind) && kind != ReduceKind::Sum)
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

GraphBuilder::TensorOrError GraphBuilder::reduce(ReduceKind kind, const SymbolicTensor &x,
                                                 ArrayRef<int64_t> dims, bool keepDims) {
  if (llvm::Error error = checkReduction(kind, x))
    return error;
  Expected<IndexList> kept = keptLoops(nameOf(kind), dims, x.rank());
  if (!kept)
    return kept.takeError();
  TensorOrError result = kind == ReduceKind::ArgMax ? argMax(x, *kept) : fold(kind, x, *kept);
  if (result && kind == ReduceKind::Mean)
    result = divideBySize(*result, x, *kept);
  bool keepsType = kind != ReduceKind::ArgMax && !isTruth(kind) && !isCount(kind, x);
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

/// The draw at temperature 0, which has a kernel of its own.
GraphBuilder::TensorOrError GraphBuilder::drawLargest(const SymbolicTensor &rows) {
  if (rows.rank() != 2) { // the kernel's rows are in a matrix
    ArrayRef<SymbolicDim> kept = ArrayRef(rows.shape).drop_back();
    Expected<SymbolicDim> count = numElements(kept);
    TensorOrError matrix =
        count ? reshape(rows, {*count, rows.shape.back()}) : TensorOrError(count.takeError());
    TensorOrError drawn = matrix ? drawLargest(*matrix) : matrix.takeError();
    return drawn ? reshape(*drawn, kept) : drawn.takeError();
  }
  Type f32 = ir.getF32Type(), i64 = ir.getI64Type();
  Expected<Value> init = emptyTensor(rows.dim(0), i64);
  if (!init)
    return init.takeError();
  auto constant = [&](double value, Type type) {
    return buildConstant(ir, currentLoc, value, type);
  };
  auto op = attn::SampleOp::create(ir, currentLoc, init->getType(), rows.value, *init,
                                   /*temperature=*/constant(0, f32), /*topK=*/constant(0, i64),
                                   /*topP=*/constant(1, f32), /*minP=*/constant(0, f32),
                                   /*seed=*/constant(0, i64));
  return SymbolicTensor{op.getResult(0), SymbolicShape{rows.dim(0)}};
}

/// The first place where a row holds its largest element, as a minimum: along rows lanes can each
/// keep one number, but not a pair.
static Value buildFirstPlace(OpBuilder &b, Location loc, int64_t dim, ValueRange elements) {
  Value position = buildCast(b, loc, linalg::IndexOp::create(b, loc, dim), b.getI64Type());
  Value isLargest = buildCompare(b, loc, CompareKind::Eq, elements[0], elements[1]);
  Value none = arith::ConstantOp::create(b, loc, extremeAttr(b.getI64Type(), /*isLowest=*/false));
  Value place = arith::SelectOp::create(b, loc, isLargest, position, none);
  return buildBinary(b, loc, BinaryKind::Min, place, elements[2]);
}

// The pair (best, index) is folded by "greater, or equal with a lower index", which is associative
// and commutative, so the result depends on no order of visits. NaN is never greater.
GraphBuilder::TensorOrError GraphBuilder::argMax(const SymbolicTensor &x, ArrayRef<int64_t> kept) {
  if (static_cast<int64_t>(kept.size()) + 1 != x.rank())
    return makeError("argmax: expected one dim to reduce, got " +
                     Twine(x.rank() - static_cast<int64_t>(kept.size())) + " of " + x.str());
  int64_t reduced = 0;
  while (llvm::is_contained(kept, reduced))
    ++reduced;
  SymbolicShape shape = pick(x.shape, kept);
  Type indexType = ir.getI64Type();
  bool isAlongRows = reduced + 1 == x.rank();
  if (isAlongRows && isa<FloatType>(x.elementType()))
    return drawLargest(x);
  AffineMap resultMap = mapOf(kept, x.shape.size(), ir.getContext());
  AffineMap map = ir.getMultiDimIdentityMap(static_cast<unsigned>(x.rank()));
  if (isAlongRows) {
    TensorOrError largest = fold(ReduceKind::Max, x, kept);
    Expected<Value> none = filledTensor(shape, extremeAttr(indexType, /*isLowest=*/false));
    if (!largest || !none)
      return largest ? none.takeError() : largest.takeError();
    auto op = linalg::GenericOp::create(
        ir, currentLoc, none->getType(), ValueRange{x.value, largest->value}, *none,
        {map, resultMap, resultMap}, iteratorsOf(x.shape.size(), kept),
        [&](OpBuilder &builder, Location loc, ValueRange elements) {
          linalg::YieldOp::create(builder, loc, buildFirstPlace(builder, loc, reduced, elements));
        });
    return SymbolicTensor{op.getResult(0), std::move(shape)};
  }
  Expected<Value> best = filledTensor(shape, extremeAttr(x.elementType(), /*isLowest=*/true));
  Expected<Value> index = best ? filledTensor(shape, constantAttr(0, indexType)) : best.takeError();
  if (!index)
    return index.takeError();
  auto buildBody = [&](OpBuilder &builder, Location loc, ValueRange elements) {
    Value position =
        buildCast(builder, loc, linalg::IndexOp::create(builder, loc, reduced), indexType);
    Value isGreater = buildCompare(builder, loc, CompareKind::Gt, elements[0], elements[1]);
    Value isEqual = buildCompare(builder, loc, CompareKind::Eq, elements[0], elements[1]);
    Value isEarlier = buildCompare(builder, loc, CompareKind::Lt, position, elements[2]);
    Value wins = arith::OrIOp::create(builder, loc, isGreater,
                                      arith::AndIOp::create(builder, loc, isEqual, isEarlier));
    Value newBest = arith::SelectOp::create(builder, loc, wins, elements[0], elements[1]);
    Value newIndex = arith::SelectOp::create(builder, loc, wins, position, elements[2]);
    linalg::YieldOp::create(builder, loc, ValueRange{newBest, newIndex});
  };
  auto op =
      linalg::GenericOp::create(ir, currentLoc, TypeRange{best->getType(), index->getType()},
                                x.value, ValueRange{*best, *index}, {map, resultMap, resultMap},
                                iteratorsOf(x.shape.size(), kept), buildBody);
  return SymbolicTensor{op.getResult(1), std::move(shape)};
}

GraphBuilder::TensorOrError GraphBuilder::softmax(const SymbolicTensor &x, int64_t dim) {
  if (llvm::Error error = checkFloat("softmax", "the input", x))
    return error;
  Expected<int64_t> normalized = normalizeDim("softmax", dim, x.rank());
  Expected<Value> init =
      normalized ? emptyTensor(x.shape, x.elementType()) : normalized.takeError();
  if (!init)
    return init.takeError();
  auto op = attn::SoftmaxOp::create(ir, currentLoc, init->getType(), x.value, *init,
                                    static_cast<uint64_t>(*normalized));
  return SymbolicTensor{op.getResult(0), x.shape};
}

// A row of infinities is shifted by nothing: its sum is then 0 or infinite, not NaN.
Expected<std::pair<SymbolicTensor, SymbolicTensor>>
GraphBuilder::shiftedLogSum(const SymbolicTensor &x, int64_t dim) {
  TensorOrError largest = reduce(ReduceKind::Max, x, dim, /*keepDims=*/true);
  TensorOrError zero = largest ? scalar(0, x.elementType()) : largest.takeError();
  if (!zero)
    return zero.takeError();
  TensorOrError none = sub(*largest, *largest); // NaN of infinities
  TensorOrError isFinite = none ? compare(CompareKind::Eq, *none, *zero) : none.takeError();
  TensorOrError shift = isFinite ? where(*isFinite, *largest, *zero) : isFinite.takeError();
  TensorOrError shifted = shift ? sub(x, *shift) : shift.takeError();
  TensorOrError powers = shifted ? unary(UnaryKind::Exp, *shifted) : shifted.takeError();
  TensorOrError sum =
      powers ? reduce(ReduceKind::Sum, *powers, dim, /*keepDims=*/true) : powers.takeError();
  TensorOrError logarithm = sum ? unary(UnaryKind::Log, *sum) : sum.takeError();
  if (!logarithm)
    return logarithm.takeError();
  return std::pair(*shift, *logarithm);
}

GraphBuilder::TensorOrError GraphBuilder::logSoftmax(const SymbolicTensor &x, int64_t dim) {
  llvm::Error error = checkFloat("log_softmax", "the input", x);
  Expected<int64_t> position =
      error ? std::move(error) : normalizeDim("log_softmax", dim, x.rank());
  TensorOrError wide = position ? cast(x, accumulatorType(x.elementType())) : position.takeError();
  if (!wide)
    return wide;
  auto parts = shiftedLogSum(*wide, *position);
  TensorOrError shifted = parts ? sub(*wide, parts->first) : parts.takeError();
  TensorOrError result = shifted ? sub(*shifted, parts->second) : shifted.takeError();
  return result ? cast(*result, x.elementType()) : std::move(result);
}

GraphBuilder::TensorOrError GraphBuilder::logSumExp(const SymbolicTensor &x, int64_t dim,
                                                    bool keepDims) {
  llvm::Error error = checkFloat("logsumexp", "the input", x);
  Expected<int64_t> position = error ? std::move(error) : normalizeDim("logsumexp", dim, x.rank());
  TensorOrError wide = position ? cast(x, accumulatorType(x.elementType())) : position.takeError();
  if (!wide)
    return wide;
  auto parts = shiftedLogSum(*wide, *position);
  TensorOrError sum = parts ? add(parts->first, parts->second) : parts.takeError();
  TensorOrError narrow = sum ? cast(*sum, x.elementType()) : std::move(sum);
  return narrow && !keepDims ? squeeze(*narrow, *position) : std::move(narrow);
}

// ---- Normalisation -----------------------------------------------------------------------------

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
