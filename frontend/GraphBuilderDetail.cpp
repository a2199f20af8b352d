#include "frontend/GraphBuilderDetail.h"
#include <limits>

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

RankedTensorType graph::tensorType(ArrayRef<SymbolicDim> shape, Type elementType) {
  SmallVector<int64_t> sizes;
  for (const SymbolicDim &dim : shape)
    sizes.push_back(dim.constant().value_or(ShapedType::kDynamic));
  return RankedTensorType::get(sizes, elementType);
}

llvm::Error graph::checkShape(StringRef what, ArrayRef<SymbolicDim> shape) {
  if (shape.size() > maxRank)
    return makeError(what + ": expected at most " + Twine(maxRank) + " dims, got " +
                     Twine(shape.size()));
  for (auto [index, dim] : llvm::enumerate(shape))
    if (dim.constant().value_or(1) < 1)
      return makeError(what + ": expected dims of at least 1, got " + formatShape(shape));
  Expected<SymbolicDim> count = numElements(shape);
  if (!count)
    return makeError(what + ": " + formatShape(shape) + ": " + llvm::toString(count.takeError()));
  return llvm::Error::success();
}

Expected<int64_t> graph::normalizeDim(StringRef operation, int64_t dim, int64_t rank) {
  if (dim < -rank || dim >= rank)
    return makeError(operation + ": dim " + Twine(dim) + " is out of range for rank " +
                     Twine(rank));
  return dim < 0 ? dim + rank : dim;
}

Expected<SmallVector<int64_t, 6>> graph::keptLoops(StringRef operation, ArrayRef<int64_t> dims,
                                                   int64_t rank) {
  SmallVector<bool> isReduced(rank, dims.empty());
  for (int64_t dim : dims) {
    Expected<int64_t> normalized = normalizeDim(operation, dim, rank);
    if (!normalized)
      return normalized.takeError();
    if (isReduced[*normalized])
      return makeError(operation + ": dim " + Twine(dim) + " is given twice");
    isReduced[*normalized] = true;
  }
  SmallVector<int64_t, 6> kept;
  for (int64_t dim = 0; dim < rank; ++dim)
    if (!isReduced[dim])
      kept.push_back(dim);
  return kept;
}

llvm::Error graph::checkHasDims(StringRef operation, const SymbolicTensor &x) {
  if (x.rank() > 0)
    return llvm::Error::success();
  return makeError(operation + ": expected rank 1 or more, got " + x.str());
}

llvm::Error graph::checkRank(StringRef operation, StringRef operand, const SymbolicTensor &x,
                             int64_t rank) {
  if (x.rank() == rank)
    return llvm::Error::success();
  return makeError(operation + ": expected " + operand + " of rank " + Twine(rank) + ", got " +
                   x.str());
}

llvm::Error graph::checkElementType(StringRef operation, StringRef operand, const SymbolicTensor &x,
                                    Type expected) {
  if (x.elementType() == expected)
    return llvm::Error::success();
  return makeError(operation + ": expected " + operand + " of " + formatType(expected) + ", got " +
                   x.str());
}

llvm::Error graph::checkFloat(StringRef operation, StringRef operand, const SymbolicTensor &x) {
  if (isa<FloatType>(x.elementType()))
    return llvm::Error::success();
  return makeError(operation + ": expected " + operand + " of floats, got " + x.str());
}

/// What holds most of both: floats before integers, then the wider; f32 of f16 and bf16.
static Type largerType(Type a, Type b) {
  if (isa<FloatType>(a) != isa<FloatType>(b))
    return isa<FloatType>(a) ? a : b;
  unsigned width = a.getIntOrFloatBitWidth(), other = b.getIntOrFloatBitWidth();
  if (width == other)
    return Float32Type::get(a.getContext());
  return width < other ? b : a;
}

llvm::Error graph::checkSameElementType(StringRef operation, const SymbolicTensor &a,
                                        const SymbolicTensor &b) {
  if (a.elementType() == b.elementType())
    return llvm::Error::success();
  return makeError(operation + ": element types differ: " + a.str() + " and " + b.str() +
                   "; convert one of them, as in x.to(" +
                   formatType(largerType(a.elementType(), b.elementType())) + ")");
}

llvm::Error graph::checkIntegerScalar(StringRef operation, StringRef operand,
                                      const SymbolicTensor &x) {
  bool isInteger = isa<IntegerType>(x.elementType()) && !x.elementType().isInteger(1);
  if (x.rank() == 0 && isInteger)
    return llvm::Error::success();
  return makeError(operation + ": expected " + operand + " to be an integer scalar, got " +
                   x.str());
}

static llvm::Error broadcastInto(StringRef operation, SymbolicShape &result,
                                 ArrayRef<SymbolicDim> shape, ArrayRef<SymbolicShape> all) {
  if (shape.size() > result.size())
    result.insert(result.begin(), shape.size() - result.size(), SymbolicDim(1));
  size_t offset = result.size() - shape.size();
  for (auto [index, dim] : llvm::enumerate(shape)) {
    SymbolicDim &target = result[offset + index];
    if (target == SymbolicDim(1))
      target = dim;
    if (dim == SymbolicDim(1) || dim == target)
      continue;
    std::string shapes = llvm::join(
        llvm::map_range(all, [](const SymbolicShape &s) { return formatShape(s); }), " and ");
    return makeError(operation + ": shapes do not broadcast: " + shapes + ": " + target.str() +
                     " against " + dim.str());
  }
  return llvm::Error::success();
}

Expected<SymbolicShape> graph::broadcastShapes(StringRef operation,
                                               ArrayRef<SymbolicShape> shapes) {
  SymbolicShape result;
  for (const SymbolicShape &shape : shapes)
    if (llvm::Error error = broadcastInto(operation, result, shape, shapes))
      return error;
  return result;
}

// Greedy: each dim of `shorter` takes dims of `longer` until their product reaches it, then those
// of size 1 that would otherwise start a group of their own.
std::optional<SmallVector<ReassociationIndices>> graph::reassociate(ArrayRef<SymbolicDim> longer,
                                                                    ArrayRef<SymbolicDim> shorter) {
  SmallVector<ReassociationIndices> groups;
  size_t next = 0;
  for (const SymbolicDim &target : shorter) {
    ReassociationIndices group;
    SymbolicDim product = 1;
    while (group.empty() || !(product == target)) {
      if (next == longer.size())
        return std::nullopt;
      Expected<SymbolicDim> larger = product.times(longer[next]);
      if (!larger) {
        llvm::consumeError(larger.takeError());
        return std::nullopt;
      }
      product = std::move(*larger);
      group.push_back(static_cast<int64_t>(next++));
      if (!target.exactQuotient(product))
        return std::nullopt;
    }
    size_t groupsLeft = shorter.size() - groups.size() - 1;
    while (next < longer.size() && longer[next] == SymbolicDim(1) &&
           longer.size() - next > groupsLeft &&
           (groupsLeft == 0 || !(shorter[groups.size() + 1] == SymbolicDim(1))))
      group.push_back(static_cast<int64_t>(next++));
    groups.push_back(std::move(group));
  }
  bool allOnes = llvm::all_of(longer.drop_front(next),
                              [](const SymbolicDim &dim) { return dim == SymbolicDim(1); });
  if (next == longer.size() || (shorter.empty() && allOnes))
    return groups;
  return std::nullopt;
}

SmallVector<int64_t, 6> graph::identityLoops(int64_t rank) {
  return llvm::to_vector<6>(llvm::seq<int64_t>(0, rank));
}

Block &graph::addBlock(Region &region, ArrayRef<Type> types, Location loc) {
  Block &block = region.emplaceBlock();
  block.addArguments(types, SmallVector<Location>(types.size(), loc));
  return block;
}

SymbolicShape graph::pickDims(ArrayRef<SymbolicDim> sizes, ArrayRef<int64_t> loops) {
  return llvm::map_to_vector<4>(loops, [&](int64_t loop) { return sizes[loop]; });
}

AffineMap graph::loopMap(ArrayRef<int64_t> loops, size_t loopCount, MLIRContext *context) {
  auto exprs = llvm::map_to_vector(
      loops, [&](int64_t loop) { return getAffineDimExpr(static_cast<unsigned>(loop), context); });
  return AffineMap::get(static_cast<unsigned>(loopCount), 0, exprs, context);
}

SmallVector<utils::IteratorType> graph::iteratorsOf(size_t loopCount, ArrayRef<int64_t> kept) {
  SmallVector<utils::IteratorType> iterators(loopCount, utils::IteratorType::reduction);
  for (int64_t loop : kept)
    iterators[loop] = utils::IteratorType::parallel;
  return iterators;
}

TypedAttr graph::extremeAttr(Type type, bool isLowest) {
  if (isa<FloatType>(type)) {
    double infinity = std::numeric_limits<double>::infinity();
    return constantAttr(isLowest ? -infinity : infinity, type);
  }
  unsigned width = type.getIntOrFloatBitWidth();
  return IntegerAttr::get(type, isLowest ? APInt::getSignedMinValue(width)
                                         : APInt::getSignedMaxValue(width));
}

GraphBuilder::TensorOrError graph::inOppositeOrder(GraphBuilder &graph, const SymbolicTensor &x) {
  if (isa<FloatType>(x.elementType()))
    return graph.unary(UnaryKind::Neg, x);
  // -1 - x: the lowest integer has no negative.
  GraphBuilder::TensorOrError ones = graph.integerScalar(-1, x.elementType());
  return ones ? graph.sub(*ones, x) : std::move(ones);
}
