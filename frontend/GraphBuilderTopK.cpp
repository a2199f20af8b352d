// The largest elements of rows, one after the other: each is the largest of those that come after
// the one before it. A pass over a row finds its value, another its place; no row is copied.
#include "frontend/GraphBuilderDetail.h"
#include "frontend/SizeConditions.h"
#include <limits>

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

/// Each element takes two kernels.
static constexpr int64_t maxCount = 64;

static llvm::Error checkTopK(const SymbolicTensor &x, int64_t count, const SymbolicDim &size) {
  if (x.elementType().isInteger(1))
    return makeError("topk: expected float or integer elements, got " + x.str());
  int64_t most = std::min(size.constant().value_or(maxCount), maxCount);
  if (count >= 1 && count <= most)
    return llvm::Error::success();
  return makeError("topk: expected 1 to " + Twine(most) + " elements of " + x.str() + ", got " +
                   Twine(count));
}

/// What the first pass of each element takes the largest of: NaN as infinity, and if the smallest
/// are asked for, those in the opposite order.
static Expected<SymbolicTensor> orderKeys(GraphBuilder &graph, const SymbolicTensor &x,
                                          bool largest) {
  if (isa<IntegerType>(x.elementType()))
    return largest ? x : inOppositeOrder(graph, x);
  double infinity = std::numeric_limits<double>::infinity();
  auto highest = graph.scalar(largest ? infinity : -infinity, x.elementType());
  auto isNumber = highest ? graph.compare(CompareKind::Eq, x, x) : std::move(highest);
  if (!isNumber)
    return isNumber;
  auto ordered = largest ? x : inOppositeOrder(graph, x);
  return ordered ? graph.where(*isNumber, *ordered, *highest) : std::move(ordered);
}

/// Where an element comes after that of this value and place: it is less, or equal and further on.
static Expected<SymbolicTensor> comesAfter(GraphBuilder &graph, const SymbolicTensor &keys,
                                           const SymbolicTensor &places,
                                           const SymbolicTensor &lastValue,
                                           const SymbolicTensor &lastPlace) {
  auto value = graph.unsqueeze(lastValue, -1);
  auto place = value ? graph.unsqueeze(lastPlace, -1) : value.takeError();
  auto less = place ? graph.compare(CompareKind::Lt, keys, *value) : place.takeError();
  auto same = less ? graph.compare(CompareKind::Eq, keys, *value) : less.takeError();
  auto later = same ? graph.compare(CompareKind::Gt, places, *place) : same.takeError();
  auto tie = later ? graph.binary(BinaryKind::And, *same, *later) : later.takeError();
  return tie ? graph.binary(BinaryKind::Or, *less, *tie) : tie.takeError();
}

/// `x` where the condition holds, `other` elsewhere and everything if there is no condition.
static Expected<SymbolicTensor> keepWhere(GraphBuilder &graph,
                                          const std::optional<SymbolicTensor> &condition,
                                          const SymbolicTensor &x, TypedAttr other) {
  if (!condition)
    return x;
  auto number = isa<FloatType>(x.elementType())
                    ? graph.scalar(cast<FloatAttr>(other).getValueAsDouble(), x.elementType())
                    : graph.integerScalar(cast<IntegerAttr>(other).getInt(), x.elementType());
  return number ? graph.where(*condition, x, *number) : std::move(number);
}

Expected<GraphBuilder::Ranked> GraphBuilder::nextLargest(const SymbolicTensor &keys,
                                                         const SymbolicTensor &places,
                                                         const std::optional<Ranked> &last) {
  std::optional<SymbolicTensor> remaining;
  if (last)
    if (llvm::Error error =
            comesAfter(*this, keys, places, last->value, last->place).moveInto(remaining))
      return std::move(error);
  TypedAttr lowest = extremeAttr(keys.elementType(), /*isLowest=*/true);
  TypedAttr furthest = extremeAttr(places.elementType(), /*isLowest=*/false);
  TensorOrError kept = keepWhere(*this, remaining, keys, lowest);
  TensorOrError value = kept ? reduce(ReduceKind::Max, *kept, -1) : kept.takeError();
  TensorOrError column = value ? unsqueeze(*value, -1) : value.takeError();
  TensorOrError isIt = column ? compare(CompareKind::Eq, keys, *column) : column.takeError();
  if (isIt && remaining)
    isIt = binary(BinaryKind::And, *isIt, *remaining);
  TensorOrError candidates = isIt ? keepWhere(*this, *isIt, places, furthest) : isIt.takeError();
  TensorOrError place =
      candidates ? reduce(ReduceKind::Min, *candidates, -1) : candidates.takeError();
  if (!place)
    return place.takeError();
  return Ranked{*value, *place};
}

Expected<std::pair<SymbolicTensor, SymbolicTensor>>
GraphBuilder::topK(const SymbolicTensor &x, int64_t count, int64_t dim, bool largest) {
  Expected<int64_t> position = normalizeDim("topk", dim, x.rank());
  if (!position)
    return position.takeError();
  if (llvm::Error error = checkTopK(x, count, x.dim(*position)))
    return std::move(error);
  const SymbolicDim &size = x.dim(*position);
  for (auto [least, most] : {std::pair(SymbolicDim(count), size),
                             std::pair(size, SymbolicDim(std::numeric_limits<int32_t>::max()))})
    if (llvm::Error error = requireAtMost(currentFunction, currentLoc, least, most))
      return std::move(error);
  TensorOrError rows = transpose(x, *position, -1);
  TensorOrError keys = rows ? orderKeys(*this, *rows, largest) : rows.takeError();
  TensorOrError places = keys ? arange(ir.getI32Type(), size) : keys.takeError();
  if (!places)
    return places.takeError();
  Tensors chosen;
  std::optional<Ranked> last;
  for (int64_t n = 0; n < count; ++n) {
    Expected<Ranked> next = nextLargest(*keys, *places, last);
    if (!next)
      return next.takeError();
    last = *next;
    chosen.push_back(next->place);
  }
  TensorOrError joined = stack(chosen, -1);
  TensorOrError indices = joined ? cast(*joined, ir.getI64Type()) : joined.takeError();
  TensorOrError values = indices ? gather(*rows, -1, *indices) : indices.takeError();
  values = values ? transpose(*values, *position, -1) : std::move(values);
  indices = values ? transpose(*indices, *position, -1) : values.takeError();
  if (!indices)
    return indices.takeError();
  return std::pair(*values, *indices);
}
