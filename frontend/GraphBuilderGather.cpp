// Elements of tensors by index, in another order and several times.
#include "frontend/GraphBuilderDetail.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

static llvm::Error checkIndices(StringRef operation, const SymbolicTensor &indices) {
  if (isa<IntegerType>(indices.elementType()) && !indices.elementType().isInteger(1))
    return llvm::Error::success();
  return makeError(operation + ": expected indices of integers, got " + indices.str());
}

/// The place in dim `dim` that an index, an integer, means.
static Value placeOf(OpBuilder &b, Location loc, Value index, Value tensor, int64_t dim) {
  return wrapIndex(b, loc, buildCast(b, loc, index, b.getIndexType()), tensor, dim);
}

/// An element of a tensor; of a weight that is widened the element is, not the table before.
Value GraphBuilder::storedElement(OpBuilder &b, const SymbolicTensor &x, ValueRange at) {
  Value stored = storedWeights.lookup(x.value);
  Value element = tensor::ExtractOp::create(b, currentLoc, stored ? stored : x.value, at);
  return buildCast(b, currentLoc, element, x.elementType());
}

// ---- By index ----------------------------------------------------------------------------------

GraphBuilder::TensorOrError GraphBuilder::indexSelect(const SymbolicTensor &x, int64_t dim,
                                                      const SymbolicTensor &indices) {
  Expected<int64_t> position = normalizeDim("index", dim, x.rank());
  return position ? indexElements(x, *position, indices) : position.takeError();
}

namespace {
/// Which loops of a result are the dims that indices give, and which those of `x` that stay.
struct IndexedLoops {
  int64_t first;               // of the dims of the indices
  int64_t behind;              // how many follow them
  SmallVector<int64_t> loopOf; // of each dim of `x`; -1 where it is indexed
};
} // namespace

static IndexedLoops loopsOf(int64_t rank, ArrayRef<int64_t> dims, int64_t indexRank) {
  bool areAdjacent = dims.back() - dims.front() + 1 == static_cast<int64_t>(dims.size());
  IndexedLoops loops;
  loops.first = areAdjacent ? dims.front() : 0;
  int64_t next = 0;
  for (int64_t dim = 0; dim < rank; ++dim) {
    if (next == loops.first)
      next += indexRank;
    loops.loopOf.push_back(llvm::is_contained(dims, dim) ? -1 : next++);
  }
  loops.behind = rank - static_cast<int64_t>(dims.size()) - loops.first;
  return loops;
}

GraphBuilder::TensorOrError GraphBuilder::indexElements(const SymbolicTensor &x,
                                                        ArrayRef<int64_t> dims,
                                                        ArrayRef<SymbolicTensor> indices) {
  SmallVector<SymbolicShape> shapes;
  for (const SymbolicTensor &index : indices) {
    if (llvm::Error error = checkIndices("index", index))
      return error;
    shapes.push_back(index.shape);
  }
  Expected<SymbolicShape> common = broadcastShapes("index", shapes);
  if (!common)
    return common.takeError();
  IndexedLoops loops = loopsOf(x.rank(), dims, static_cast<int64_t>(common->size()));
  SymbolicShape shape;
  for (int64_t dim = 0; dim < x.rank(); ++dim)
    if (loops.loopOf[dim] >= 0)
      shape.push_back(x.dim(dim));
  shape.insert(shape.begin() + loops.first, common->begin(), common->end());
  if (llvm::Error error = checkShape("index", shape))
    return error;
  // Aligned with the dims that they give.
  Tensors aligned(indices);
  for (SymbolicTensor &index : aligned)
    for (int64_t n = 0; n < loops.behind; ++n) {
      TensorOrError next = unsqueeze(index, -1);
      if (!next)
        return next;
      index = *next;
    }
  auto body = [&](OpBuilder &b, ValueRange elements) -> Value {
    SmallVector<Value> at;
    for (auto [dim, loop] : llvm::enumerate(loops.loopOf)) {
      auto position = static_cast<int64_t>(dim);
      if (loop >= 0)
        at.push_back(linalg::IndexOp::create(b, currentLoc, loop));
      else
        at.push_back(placeOf(b, currentLoc, elements[llvm::find(dims, position) - dims.begin()],
                             x.value, position));
    }
    return storedElement(b, x, at);
  };
  return elementwise(aligned, shape, x.elementType(), body);
}

GraphBuilder::TensorOrError GraphBuilder::gather(const SymbolicTensor &x, int64_t dim,
                                                 const SymbolicTensor &indices) {
  if (llvm::Error error = checkIndices("gather", indices))
    return error;
  Expected<int64_t> position = normalizeDim("gather", dim, x.rank());
  if (!position)
    return position.takeError();
  SymbolicShape expected = x.shape;
  if (indices.rank() == x.rank())
    expected[*position] = indices.dim(*position);
  if (indices.shape != expected)
    return makeError("gather: expected indices of shape " + formatShape(x.shape) +
                     ", of which dim " + Twine(*position) + " alone may differ, got " +
                     indices.str());
  auto body = [&](OpBuilder &b, ValueRange elements) -> Value {
    SmallVector<Value> at;
    for (int64_t d = 0; d < x.rank(); ++d)
      at.push_back(d == *position ? placeOf(b, currentLoc, elements[0], x.value, d)
                                  : Value(linalg::IndexOp::create(b, currentLoc, d)));
    return storedElement(b, x, at);
  };
  return elementwise(indices, indices.shape, x.elementType(), body);
}

// ---- In another order, several times -----------------------------------------------------------

GraphBuilder::TensorOrError GraphBuilder::flip(const SymbolicTensor &x, ArrayRef<int64_t> dims) {
  llvm::SmallDenseSet<int64_t> flipped;
  for (int64_t dim : dims) {
    Expected<int64_t> position = normalizeDim("flip", dim, x.rank());
    if (!position)
      return position.takeError();
    flipped.insert(*position);
  }
  auto body = [&](OpBuilder &b, ValueRange) -> Value {
    SmallVector<Value> at;
    Value one = arith::ConstantIndexOp::create(b, currentLoc, 1);
    for (int64_t d = 0; d < x.rank(); ++d) {
      at.push_back(linalg::IndexOp::create(b, currentLoc, d));
      if (!flipped.contains(d))
        continue;
      Value size = b.createOrFold<tensor::DimOp>(currentLoc, x.value, d);
      Value last = b.createOrFold<arith::SubIOp>(currentLoc, size, one);
      at.back() = arith::SubIOp::create(b, currentLoc, last, at.back());
    }
    return tensor::ExtractOp::create(b, currentLoc, x.value, at);
  };
  return flipped.empty() ? x : elementwise({}, x.shape, x.elementType(), body);
}

GraphBuilder::TensorOrError GraphBuilder::roll(const SymbolicTensor &x, int64_t dim,
                                               const SymbolicDim &shift) {
  Expected<int64_t> position = normalizeDim("roll", dim, x.rank());
  if (!position)
    return position.takeError();
  const SymbolicDim &size = x.dim(*position);
  // What comes first: the last `by` places.
  Expected<SymbolicDim> by = shift.mod(size);
  Expected<SymbolicDim> cut = by ? size.minus(*by) : by.takeError();
  if (!cut)
    return cut.takeError();
  if (by->constant() == 0 || shift == size)
    return x;
  TensorOrError front = slice(x, *position, *cut, size);
  TensorOrError back = front ? slice(x, *position, 0, *cut) : front.takeError();
  return back ? concat({*front, *back}, *position) : back.takeError();
}

GraphBuilder::TensorOrError GraphBuilder::repeatInterleave(const SymbolicTensor &x, int64_t dim,
                                                           const SymbolicDim &count) {
  Expected<int64_t> position = normalizeDim("repeat_interleave", dim, x.rank());
  if (!position)
    return position.takeError();
  return repeatDim(x, *position, count, /*asWhole=*/false);
}

/// Dim `dim` `count` times: all of it, one after the other, or each place of it.
GraphBuilder::TensorOrError GraphBuilder::repeatDim(const SymbolicTensor &x, int64_t dim,
                                                    const SymbolicDim &count, bool asWhole) {
  if (count.constant().value_or(1) < 1)
    return makeError("repeat: expected a count of at least 1, got " + count.str());
  if (count.constant() == 1)
    return x;
  int64_t at = asWhole ? dim : dim + 1;
  SymbolicShape wide = x.shape, joined = x.shape;
  wide.insert(wide.begin() + at, count);
  Expected<SymbolicDim> size = x.dim(dim).times(count);
  if (!size)
    return size.takeError();
  joined[dim] = *size;
  TensorOrError thin = unsqueeze(x, at);
  TensorOrError repeated = thin ? broadcastTo(*thin, wide) : thin.takeError();
  return repeated ? reshape(*repeated, joined) : repeated.takeError();
}

GraphBuilder::TensorOrError GraphBuilder::tile(const SymbolicTensor &x,
                                               ArrayRef<SymbolicDim> counts) {
  if (static_cast<int64_t>(counts.size()) < x.rank())
    return makeError("repeat: expected a count for each dim of " + x.str() + ", got " +
                     Twine(counts.size()));
  SymbolicTensor result = x;
  while (result.rank() < static_cast<int64_t>(counts.size())) {
    TensorOrError next = unsqueeze(result, 0);
    if (!next)
      return next;
    result = *next;
  }
  for (auto [dim, count] : llvm::enumerate(counts)) {
    TensorOrError next = repeatDim(result, static_cast<int64_t>(dim), count, /*asWhole=*/true);
    if (!next)
      return next;
    result = *next;
  }
  return result;
}
