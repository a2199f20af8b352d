// Parts of tensors, tensors put together from parts, padding and windows.
#include "dialect/AttnOps.h"
#include "frontend/GraphBuilderDetail.h"
#include "frontend/SizeConditions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

namespace {
/// Which of the whole tensor's dims a slice along one dim takes.
struct SliceRanges {
  SmallVector<OpFoldResult> offsets, sizes, strides;
};
} // namespace

static SliceRanges sliceAlong(Builder builder, ArrayRef<OpFoldResult> sizes, int64_t dim,
                              OpFoldResult begin, int64_t step) {
  SliceRanges ranges;
  ranges.offsets.assign(sizes.size(), builder.getIndexAttr(0));
  ranges.strides.assign(sizes.size(), builder.getIndexAttr(1));
  ranges.sizes.assign(sizes.begin(), sizes.end());
  ranges.offsets[dim] = begin;
  ranges.strides[dim] = builder.getIndexAttr(step);
  return ranges;
}

static SymbolicShape withoutDim(ArrayRef<SymbolicDim> shape, int64_t dim) {
  SymbolicShape rest(shape);
  rest.erase(rest.begin() + dim);
  return rest;
}

GraphBuilder::TensorOrError GraphBuilder::extractSlice(const SymbolicTensor &x, int64_t dim,
                                                       OpFoldResult begin, const SymbolicDim &size,
                                                       int64_t step, bool dropDim) {
  SymbolicShape shape = x.shape;
  shape[dim] = size;
  if (llvm::Error error = checkShape("slice", shape))
    return error;
  Expected<SmallVector<OpFoldResult>> sizes = mixedSizes(shape);
  if (!sizes)
    return sizes.takeError();
  SliceRanges ranges = sliceAlong(ir, *sizes, dim, begin, step);
  if (dropDim)
    shape = withoutDim(shape, dim);
  auto op = tensor::ExtractSliceOp::create(ir, currentLoc, tensorType(shape, x.elementType()),
                                           x.value, ranges.offsets, ranges.sizes, ranges.strides);
  return SymbolicTensor{op.getResult(), std::move(shape)};
}

/// A constant below 0 counts from the end of a dim of `size`.
static Expected<SymbolicDim> fromEnd(const SymbolicDim &bound, const SymbolicDim &size) {
  return bound.constant().value_or(0) < 0 ? size.plus(bound) : Expected<SymbolicDim>(bound);
}

/// Whether `a <= b` is known to be false: their difference is a constant above 0.
static bool isProvablyAbove(const SymbolicDim &a, const SymbolicDim &b) {
  Expected<SymbolicDim> difference = a.minus(b);
  if (difference)
    return difference->constant().value_or(0) > 0;
  llvm::consumeError(difference.takeError());
  return false;
}

/// ceil((end - begin) / step).
static Expected<SymbolicDim> sliceSize(const SymbolicDim &begin, const SymbolicDim &end,
                                       int64_t step) {
  Expected<SymbolicDim> length = end.minus(begin);
  Expected<SymbolicDim> rounded = length ? length->plus(step - 1) : length.takeError();
  return rounded ? rounded->floorDiv(step) : rounded.takeError();
}

GraphBuilder::TensorOrError GraphBuilder::slice(const SymbolicTensor &x, int64_t dim,
                                                const SymbolicDim &begin, const SymbolicDim &end,
                                                int64_t step) {
  Expected<int64_t> position = normalizeDim("slice", dim, x.rank());
  if (!position)
    return position.takeError();
  if (step < 1)
    return makeError("slice: expected a step of at least 1, got " + Twine(step) +
                     (step < 0 ? "; flip puts a dim in the opposite order" : ""));
  const SymbolicDim &size = x.dim(*position);
  Expected<SymbolicDim> first = fromEnd(begin, size);
  Expected<SymbolicDim> last = first ? fromEnd(end, size) : first.takeError();
  if (!last)
    return last.takeError();
  if (isProvablyAbove(0, *first) || isProvablyAbove(*first, *last) || isProvablyAbove(*last, size))
    return makeError("slice: expected 0 <= begin <= end <= " + size.str() + ", got [" +
                     first->str() + ", " + last->str() + ")");
  Expected<SymbolicDim> count = sliceSize(*first, *last, step);
  Expected<SmallVector<OpFoldResult>> offset = count ? mixedSizes(*first) : count.takeError();
  if (!offset)
    return offset.takeError();
  if (*count == size)
    return x;
  if (llvm::Error error = requireAtMost(currentFunction, currentLoc, *last, size))
    return std::move(error);
  return extractSlice(x, *position, offset->front(), *count, step, /*dropDim=*/false);
}

/// Whether `index` is that of a loop that goes no further than a dim of `size`. Such needs no test,
/// and reads of what a step updates stay in place without one.
bool GraphBuilder::staysInside(Value index, const SymbolicDim &size) const {
  auto count = loopCounts.find(index);
  if (count == loopCounts.end())
    return false;
  auto steps = count->second.constant(), length = size.constant();
  return count->second == size || (steps && length && *steps <= *length);
}

/// The run-time place `at` of one element of the dim: memory outside is never touched.
Expected<Value> GraphBuilder::placeIn(const SymbolicTensor &x, int64_t dim,
                                      const SymbolicTensor &at) {
  Expected<Value> place = toIndex(at);
  if (!place || staysInside(*place, x.dim(dim)))
    return place;
  return wrapIndex(ir, currentLoc, *place, x.value, dim);
}

/// That of the first of `size` elements.
Expected<Value> GraphBuilder::beginIn(const SymbolicTensor &x, int64_t dim,
                                      const SymbolicTensor &begin, const SymbolicDim &size) {
  Expected<Value> place = toIndex(begin);
  if (!place || (size == SymbolicDim(1) && staysInside(*place, x.dim(dim))))
    return place;
  Expected<SymbolicDim> last = x.dim(dim).minus(size);
  Expected<Value> limit = last ? dimValue(*last) : last.takeError();
  if (!limit)
    return limit;
  Value atMost = arith::MinSIOp::create(ir, currentLoc, *place, *limit);
  return arith::MaxSIOp::create(ir, currentLoc, atMost, constantIndex(0)).getResult();
}

GraphBuilder::TensorOrError GraphBuilder::dynamicSlice(const SymbolicTensor &x, int64_t dim,
                                                       const SymbolicTensor &begin,
                                                       const SymbolicDim &size) {
  Expected<int64_t> position = normalizeDim("slice", dim, x.rank());
  if (!position)
    return position.takeError();
  if (isProvablyAbove(size, x.dim(*position)))
    return makeError("slice: expected at most " + x.dim(*position).str() + " elements, got " +
                     size.str());
  Expected<Value> offset = beginIn(x, *position, begin, size);
  if (!offset)
    return offset.takeError();
  if (llvm::Error error = requireAtMost(currentFunction, currentLoc, size, x.dim(*position)))
    return std::move(error);
  return extractSlice(x, *position, *offset, size, 1, /*dropDim=*/false);
}

GraphBuilder::TensorOrError GraphBuilder::index(const SymbolicTensor &x, int64_t dim,
                                                const SymbolicDim &at) {
  Expected<int64_t> position = normalizeDim("index", dim, x.rank());
  if (!position)
    return position.takeError();
  const SymbolicDim &size = x.dim(*position);
  Expected<SymbolicDim> element = fromEnd(at, size);
  Expected<SymbolicDim> next = element ? element->plus(1) : element.takeError();
  if (!next)
    return next.takeError();
  if (isProvablyAbove(0, *element) || isProvablyAbove(*next, size))
    return makeError("index: " + at.str() + " is out of range for a dim of " + size.str());
  Expected<SmallVector<OpFoldResult>> offset = mixedSizes(*element);
  if (!offset)
    return offset.takeError();
  if (llvm::Error error = requireAtMost(currentFunction, currentLoc, *next, size))
    return std::move(error);
  return extractSlice(x, *position, offset->front(), 1, 1, /*dropDim=*/true);
}

GraphBuilder::TensorOrError GraphBuilder::dynamicIndex(const SymbolicTensor &x, int64_t dim,
                                                       const SymbolicTensor &at) {
  Expected<int64_t> position = normalizeDim("index", dim, x.rank());
  Expected<Value> offset = position ? placeIn(x, *position, at) : position.takeError();
  return offset ? extractSlice(x, *position, *offset, 1, 1, /*dropDim=*/true) : offset.takeError();
}

GraphBuilder::TensorOrError GraphBuilder::dynamicUpdate(const SymbolicTensor &x, int64_t dim,
                                                        const SymbolicTensor &at,
                                                        const SymbolicTensor &update) {
  if (llvm::Error error = checkSameElementType("update", x, update))
    return error;
  Expected<int64_t> position = normalizeDim("update", dim, x.rank());
  if (!position)
    return position.takeError();
  if (update.shape != withoutDim(x.shape, *position))
    return makeError("update: expected " + formatShape(withoutDim(x.shape, *position)) + ", got " +
                     update.str());
  Expected<Value> offset = placeIn(x, *position, at);
  Expected<SmallVector<OpFoldResult>> sizes = offset ? mixedSizes(x.shape) : offset.takeError();
  if (!sizes)
    return sizes.takeError();
  (*sizes)[*position] = ir.getIndexAttr(1);
  SliceRanges ranges = sliceAlong(ir, *sizes, *position, *offset, 1);
  auto op = tensor::InsertSliceOp::create(ir, currentLoc, update.value, x.value, ranges.offsets,
                                          ranges.sizes, ranges.strides);
  return SymbolicTensor{op.getResult(), x.shape};
}

// ---- Concatenation -----------------------------------------------------------------------------

static llvm::Error checkConcat(ArrayRef<SymbolicTensor> inputs, int64_t dim) {
  for (const SymbolicTensor &input : inputs.drop_front()) {
    if (llvm::Error error = checkSameElementType("concat", inputs.front(), input))
      return error;
    if (input.rank() != inputs.front().rank() ||
        withoutDim(input.shape, dim) != withoutDim(inputs.front().shape, dim))
      return makeError("concat: expected dims equal to " + formatShape(inputs.front().shape) +
                       " except dim " + Twine(dim) + ", got " + input.str());
  }
  return llvm::Error::success();
}

GraphBuilder::TensorOrError GraphBuilder::concat(ArrayRef<SymbolicTensor> inputs, int64_t dim) {
  if (inputs.empty())
    return makeError("concat: expected at least one tensor, got none");
  Expected<int64_t> position = normalizeDim("concat", dim, inputs.front().rank());
  if (!position)
    return position.takeError();
  if (llvm::Error error = checkConcat(inputs, *position))
    return error;
  SmallVector<SymbolicDim> begins = {0};
  for (const SymbolicTensor &input : inputs) {
    Expected<SymbolicDim> end = begins.back().plus(input.dim(*position));
    if (!end)
      return end.takeError();
    begins.push_back(*end);
  }
  SymbolicShape shape = inputs.front().shape;
  shape[*position] = begins.pop_back_val();
  Expected<Value> result = emptyTensor(shape, inputs.front().elementType());
  for (auto [input, begin] : llvm::zip_equal(inputs, begins)) {
    Expected<SmallVector<OpFoldResult>> sizes =
        result ? mixedSizes(input.shape) : result.takeError();
    Expected<SmallVector<OpFoldResult>> offset = sizes ? mixedSizes(begin) : sizes.takeError();
    if (!offset)
      return offset.takeError();
    SliceRanges ranges = sliceAlong(ir, *sizes, *position, offset->front(), 1);
    result = tensor::InsertSliceOp::create(ir, currentLoc, input.value, *result, ranges.offsets,
                                           ranges.sizes, ranges.strides)
                 .getResult();
  }
  return SymbolicTensor{*result, std::move(shape)};
}

GraphBuilder::TensorOrError GraphBuilder::stack(ArrayRef<SymbolicTensor> inputs, int64_t dim) {
  if (inputs.empty())
    return makeError("stack: expected at least one tensor, got none");
  Expected<int64_t> position = normalizeDim("stack", dim, inputs.front().rank() + 1);
  if (!position)
    return position.takeError();
  Tensors expanded;
  for (const SymbolicTensor &input : inputs) {
    if (input.shape != inputs.front().shape)
      return makeError("stack: expected shapes equal to " + formatShape(inputs.front().shape) +
                       ", got " + input.str());
    TensorOrError next = unsqueeze(input, *position);
    if (!next)
      return next.takeError();
    expanded.push_back(*next);
  }
  return concat(expanded, *position);
}

// ---- Padding and windows -----------------------------------------------------------------------

GraphBuilder::TensorOrError GraphBuilder::pad(const SymbolicTensor &x, int64_t dim,
                                              const SymbolicDim &before, const SymbolicDim &after,
                                              double value) {
  Expected<int64_t> position = normalizeDim("pad", dim, x.rank());
  if (!position)
    return position.takeError();
  if (isProvablyAbove(0, before) || isProvablyAbove(0, after))
    return makeError("pad: expected widths of at least 0, got " + before.str() + " and " +
                     after.str());
  SymbolicShape shape = x.shape;
  Expected<SymbolicDim> partly = x.dim(*position).plus(before);
  Expected<SymbolicDim> size = partly ? partly->plus(after) : partly.takeError();
  if (!size)
    return size.takeError();
  shape[*position] = *size;
  Expected<SmallVector<OpFoldResult>> widths = mixedSizes({before, after});
  if (!widths)
    return widths.takeError();
  SmallVector<OpFoldResult> low(x.shape.size(), ir.getIndexAttr(0)), high = low;
  low[*position] = widths->front();
  high[*position] = widths->back();
  Value fill = buildConstant(ir, currentLoc, value, x.elementType());
  auto op = tensor::PadOp::create(ir, currentLoc, tensorType(shape, x.elementType()), x.value, low,
                                  high, fill);
  return SymbolicTensor{op.getResult(), std::move(shape)};
}

GraphBuilder::TensorOrError GraphBuilder::unfold(const SymbolicTensor &x, int64_t dim, int64_t size,
                                                 int64_t step) {
  Expected<int64_t> position = normalizeDim("unfold", dim, x.rank());
  if (!position)
    return position.takeError();
  const SymbolicDim &length = x.dim(*position);
  if (size < 1 || step < 1 || isProvablyAbove(size, length))
    return makeError("unfold: expected 1 <= size <= " + length.str() + " and step >= 1, got size " +
                     Twine(size) + " and step " + Twine(step));
  Expected<SymbolicDim> last = length.minus(size);
  Expected<SymbolicDim> steps = last ? last->floorDiv(step) : last.takeError();
  Expected<SymbolicDim> windows = steps ? steps->plus(1) : steps.takeError();
  if (!windows)
    return windows.takeError();
  SymbolicShape shape = x.shape;
  shape[*position] = *windows;
  shape.push_back(size);
  if (llvm::Error error = checkShape("unfold", shape))
    return error;
  if (llvm::Error error = requireAtMost(currentFunction, currentLoc, size, length))
    return std::move(error);
  auto op = attn::UnfoldOp::create(ir, currentLoc, tensorType(shape, x.elementType()), x.value,
                                   static_cast<uint64_t>(*position), static_cast<uint64_t>(size),
                                   static_cast<uint64_t>(step));
  return SymbolicTensor{op.getResult(), std::move(shape)};
}
