// The tensor dialect in the reference executor: allocation, slices, shapes.
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Utils/Utils.h"
#include "runtime/ReferenceFrame.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::reference;

static llvm::Error setArray(Operation *op, Frame &frame, llvm::Expected<Array> array) {
  if (!array)
    return errorAt(op, array.takeError());
  frame.set(op->getResult(0), std::move(*array));
  return llvm::Error::success();
}

/// The sizes of a tensor type whose dynamic dims are given by operands.
static DimVector sizesOf(RankedTensorType type, ValueRange dynamicSizes, const Frame &frame) {
  DimVector sizes(type.getShape());
  auto next = dynamicSizes.begin();
  for (int64_t &size : sizes)
    if (ShapedType::isDynamic(size))
      size = frame.integer(*next++);
  return sizes;
}

llvm::Error reference::fillFromIndices(Program &program, const Array &target) {
  DimVector index(target.rank(), 0);
  for (int64_t offset = 0; offset < target.count; ++offset) {
    for (int64_t dim = 0; dim < target.rank(); ++dim)
      program.argument(dim).i = index[dim];
    if (llvm::Error error = program.run())
      return error;
    target[offset] = program.result(0);
    nextIndex(index, target.sizes);
  }
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Making tensors
//===----------------------------------------------------------------------===//

static llvm::Error runEmpty(Operation *op, Frame &frame) {
  auto empty = cast<tensor::EmptyOp>(op);
  return setArray(op, frame,
                  Array::create(empty.getType().getElementType(),
                                sizesOf(empty.getType(), empty.getDynamicSizes(), frame)));
}

static llvm::Error runSplat(Operation *op, Frame &frame) {
  auto splat = cast<tensor::SplatOp>(op);
  auto type = cast<RankedTensorType>(splat.getType());
  auto array = Array::create(type.getElementType(), sizesOf(type, splat.getDynamicSizes(), frame));
  if (array)
    std::fill_n(array->cells.get(), array->count, frame.scalar(splat.getInput()));
  return setArray(op, frame, std::move(array));
}

static llvm::Error runFromElements(Operation *op, Frame &frame) {
  auto from = cast<tensor::FromElementsOp>(op);
  auto type = cast<RankedTensorType>(from.getType());
  auto array = Array::create(type.getElementType(), type.getShape());
  if (array)
    for (auto [offset, element] : llvm::enumerate(from.getElements()))
      (*array)[offset] = frame.scalar(element);
  return setArray(op, frame, std::move(array));
}

static llvm::Error runGenerate(Operation *op, Frame &frame) {
  auto generate = cast<tensor::GenerateOp>(op);
  auto type = cast<RankedTensorType>(generate.getType());
  auto array =
      Array::create(type.getElementType(), sizesOf(type, generate.getDynamicExtents(), frame));
  if (!array)
    return errorAt(op, array.takeError());
  llvm::Expected<Program> program = frame.compile(generate.getBody().front());
  if (!program)
    return program.takeError();
  if (llvm::Error error = fillFromIndices(*program, *array))
    return error;
  return setArray(op, frame, std::move(*array));
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// The offset of an element, its indices checked.
static llvm::Expected<int64_t> offsetOf(Operation *op, const Array &array, ValueRange indices,
                                        const Frame &frame) {
  int64_t offset = 0;
  for (auto [dim, value] : llvm::enumerate(indices)) {
    int64_t index = frame.integer(value);
    if (index < 0 || index >= array.sizes[dim])
      return errorAt(op, "index " + Twine(index) + " is out of range for dim " + Twine(dim) +
                             " of size " + Twine(array.sizes[dim]));
    offset += index * array.strides()[dim];
  }
  return offset;
}

static llvm::Error runExtract(Operation *op, Frame &frame) {
  auto extract = cast<tensor::ExtractOp>(op);
  const Array &source = frame.array(extract.getTensor());
  llvm::Expected<int64_t> offset = offsetOf(op, source, extract.getIndices(), frame);
  if (!offset)
    return offset.takeError();
  frame.set(op->getResult(0), source[*offset]);
  return llvm::Error::success();
}

static llvm::Error runInsert(Operation *op, Frame &frame) {
  auto insert = cast<tensor::InsertOp>(op);
  llvm::Expected<Array> target = frame.array(insert.getDest()).clone();
  if (!target)
    return errorAt(op, target.takeError());
  llvm::Expected<int64_t> offset = offsetOf(op, *target, insert.getIndices(), frame);
  if (!offset)
    return offset.takeError();
  (*target)[*offset] = frame.scalar(insert.getScalar());
  return setArray(op, frame, std::move(target));
}

static llvm::Error runDim(Operation *op, Frame &frame) {
  auto dim = cast<tensor::DimOp>(op);
  const Array &source = frame.array(dim.getSource());
  int64_t number = frame.integer(dim.getIndex());
  if (number < 0 || number >= source.rank())
    return errorAt(op, "expected a dim below the rank " + Twine(source.rank()) + ", got " +
                           Twine(number));
  frame.set(op->getResult(0), Cell{.i = source.sizes[number]});
  return llvm::Error::success();
}

static llvm::Error runRank(Operation *op, Frame &frame) {
  frame.set(op->getResult(0), Cell{.i = frame.array(op->getOperand(0)).rank()});
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

namespace {
/// Part of an array: dim d of the slice starts at offsets[d] and advances by steps[d].
struct Slice {
  DimVector offsets, sizes, steps;

  /// Offset in an array of those strides of the slice's element at `index`.
  int64_t locate(ArrayRef<int64_t> index, ArrayRef<int64_t> strides) const {
    int64_t offset = 0;
    for (auto [i, start, step, stride] : llvm::zip_equal(index, offsets, steps, strides))
      offset += (start + i * step) * stride;
    return offset;
  }
};
} // namespace

/// The slice of an extract or insert, checked to lie within `whole`.
static llvm::Expected<Slice> sliceOf(OffsetSizeAndStrideOpInterface op, const Array &whole,
                                     const Frame &frame) {
  Slice slice = {frame.integers(op.getMixedOffsets()), frame.integers(op.getMixedSizes()),
                 frame.integers(op.getMixedStrides())};
  for (int64_t dim = 0; dim < whole.rank(); ++dim) {
    int64_t start = slice.offsets[dim], size = slice.sizes[dim], step = slice.steps[dim], span;
    bool inside = size >= 0 && start >= 0 && start <= whole.sizes[dim] &&
                  (size == 0 || (!llvm::MulOverflow(size - 1, step, span) &&
                                 !llvm::AddOverflow(start, span, span) && span >= 0 &&
                                 start < whole.sizes[dim] && span < whole.sizes[dim]));
    if (!inside)
      return errorAt(op, "offset " + Twine(start) + ", size " + Twine(size) + ", stride " +
                             Twine(step) + " is out of range for dim " + Twine(dim) + " of size " +
                             Twine(whole.sizes[dim]));
  }
  return slice;
}

static llvm::Error runExtractSlice(Operation *op, Frame &frame) {
  auto extract = cast<tensor::ExtractSliceOp>(op);
  const Array &source = frame.array(extract.getSource());
  llvm::Expected<Slice> slice = sliceOf(extract, source, frame);
  if (!slice)
    return slice.takeError();
  llvm::Expected<Array> result = Array::create(source.elementType, slice->sizes);
  if (!result)
    return errorAt(op, result.takeError());
  DimVector index(source.rank(), 0), strides = source.strides();
  for (int64_t offset = 0; offset < result->count; ++offset) {
    (*result)[offset] = source[slice->locate(index, strides)];
    nextIndex(index, slice->sizes);
  }
  DimVector kept;
  llvm::SmallBitVector dropped = extract.getDroppedDims();
  for (auto [dim, size] : llvm::enumerate(slice->sizes))
    if (!dropped.test(dim))
      kept.push_back(size);
  return setArray(op, frame, result->withSizes(kept));
}

static llvm::Error runInsertSlice(Operation *op, Frame &frame) {
  auto insert = cast<tensor::InsertSliceOp>(op);
  const Array &source = frame.array(insert.getSource());
  llvm::Expected<Array> target = frame.array(insert.getDest()).clone();
  if (!target)
    return errorAt(op, target.takeError());
  llvm::Expected<Slice> slice = sliceOf(insert, *target, frame);
  if (!slice)
    return slice.takeError();
  DimVector kept;
  llvm::SmallBitVector dropped = insert.getDroppedDims();
  for (auto [dim, size] : llvm::enumerate(slice->sizes))
    if (!dropped.test(dim))
      kept.push_back(size);
  if (llvm::Error error = expectSizes(op, "a source", source.sizes, kept))
    return error;
  DimVector index(target->rank(), 0), strides = target->strides();
  for (int64_t offset = 0; offset < source.count; ++offset) {
    (*target)[slice->locate(index, strides)] = source[offset];
    nextIndex(index, slice->sizes);
  }
  return setArray(op, frame, std::move(target));
}

static llvm::Error runConcat(Operation *op, Frame &frame) {
  auto concat = cast<tensor::ConcatOp>(op);
  uint64_t dim = concat.getDim();
  DimVector sizes = frame.array(concat.getInputs().front()).sizes;
  sizes[dim] = 0;
  for (Value input : concat.getInputs()) {
    DimVector expected = sizes;
    expected[dim] = frame.array(input).sizes[dim];
    if (llvm::Error error = expectSizes(op, "an input", frame.array(input).sizes, expected))
      return error;
    sizes[dim] += expected[dim];
  }
  llvm::Expected<Array> result = Array::create(concat.getType().getElementType(), sizes);
  if (!result)
    return errorAt(op, result.takeError());
  DimVector strides = result->strides();
  int64_t start = 0;
  for (Value input : concat.getInputs()) {
    const Array &source = frame.array(input);
    Slice slice = {DimVector(sizes.size(), 0), source.sizes, DimVector(sizes.size(), 1)};
    slice.offsets[dim] = start;
    start += source.sizes[dim];
    DimVector index(sizes.size(), 0);
    for (int64_t offset = 0; offset < source.count; ++offset) {
      (*result)[slice.locate(index, strides)] = source[offset];
      nextIndex(index, source.sizes);
    }
  }
  return setArray(op, frame, std::move(result));
}

/// The element of `source` that lies at `index` of the padded tensor, or -1 in the padding.
static int64_t locateUnpadded(const Array &source, ArrayRef<int64_t> strides,
                              ArrayRef<int64_t> index, ArrayRef<int64_t> low) {
  int64_t offset = 0;
  for (int64_t dim = 0; dim < source.rank(); ++dim) {
    int64_t i = index[dim] - low[dim];
    if (i < 0 || i >= source.sizes[dim])
      return -1;
    offset += i * strides[dim];
  }
  return offset;
}

static llvm::Error runPad(Operation *op, Frame &frame) {
  auto pad = cast<tensor::PadOp>(op);
  const Array &source = frame.array(pad.getSource());
  DimVector low = frame.integers(pad.getMixedLowPad()),
            high = frame.integers(pad.getMixedHighPad());
  DimVector sizes;
  for (auto [dim, size] : llvm::enumerate(source.sizes)) {
    sizes.push_back(size);
    if (low[dim] < 0 || high[dim] < 0 || llvm::AddOverflow(sizes[dim], low[dim], sizes[dim]) ||
        llvm::AddOverflow(sizes[dim], high[dim], sizes[dim]))
      return errorAt(op, "expected padding of 0 or more, got " + Twine(low[dim]) + " and " +
                             Twine(high[dim]) + " in dim " + Twine(dim));
  }
  llvm::Expected<Program> program = frame.compile(pad.getRegion().front());
  if (!program)
    return program.takeError();
  llvm::Expected<Array> result = Array::create(source.elementType, sizes);
  if (!result)
    return errorAt(op, result.takeError());
  if (llvm::Error error = fillFromIndices(*program, *result))
    return error;
  DimVector index(sizes.size(), 0), strides = source.strides();
  for (int64_t offset = 0; offset < result->count; ++offset) {
    if (int64_t inside = locateUnpadded(source, strides, index, low); inside >= 0)
      (*result)[offset] = source[inside];
    nextIndex(index, sizes);
  }
  return setArray(op, frame, std::move(result));
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static llvm::Error setReshaped(Operation *op, Frame &frame, const Array &source,
                               ArrayRef<int64_t> sizes) {
  llvm::Expected<int64_t> count = checkedNumElements(DataType::F64, sizes);
  if (!count)
    return errorAt(op, count.takeError());
  if (*count != source.count)
    return errorAt(op, "expected " + Twine(source.count) + " elements, got a shape of " +
                           Twine(*count));
  frame.set(op->getResult(0), source.withSizes(sizes));
  return llvm::Error::success();
}

static llvm::Error runExpandShape(Operation *op, Frame &frame) {
  auto expand = cast<tensor::ExpandShapeOp>(op);
  return setReshaped(op, frame, frame.array(expand.getSrc()),
                     frame.integers(expand.getMixedOutputShape()));
}

static llvm::Error runCollapseShape(Operation *op, Frame &frame) {
  auto collapse = cast<tensor::CollapseShapeOp>(op);
  const Array &source = frame.array(collapse.getSrc());
  DimVector sizes;
  for (ArrayRef<int64_t> group : collapse.getReassociationIndices()) {
    sizes.push_back(1);
    for (int64_t dim : group)
      sizes.back() *= source.sizes[dim];
  }
  return setReshaped(op, frame, source, sizes);
}

static llvm::Error runReshape(Operation *op, Frame &frame) {
  auto reshape = cast<tensor::ReshapeOp>(op);
  const Array &shape = frame.array(reshape.getShape());
  DimVector sizes;
  for (int64_t dim = 0; dim < shape.count; ++dim)
    sizes.push_back(shape[dim].i);
  return setReshaped(op, frame, frame.array(reshape.getSource()), sizes);
}

static llvm::Error runCast(Operation *op, Frame &frame) {
  auto cast = mlir::cast<tensor::CastOp>(op);
  const Array &source = frame.array(cast.getSource());
  auto type = dyn_cast<RankedTensorType>(cast.getType());
  if (type && failed(verifyCompatibleShape(type.getShape(), source.sizes))) {
    DimVector expected(type.getShape());
    for (auto [dim, size] : llvm::enumerate(expected))
      if (ShapedType::isDynamic(size))
        size = source.sizes[dim];
    return expectSizes(op, "a source", source.sizes, expected);
  }
  frame.set(op->getResult(0), source);
  return llvm::Error::success();
}

Handler reference::lookupTensorHandler(Operation *op) {
  return TypeSwitch<Operation *, Handler>(op)
      .Case([](tensor::EmptyOp) { return runEmpty; })
      .Case([](tensor::SplatOp) { return runSplat; })
      .Case([](tensor::FromElementsOp) { return runFromElements; })
      .Case([](tensor::GenerateOp) { return runGenerate; })
      .Case([](tensor::ExtractOp) { return runExtract; })
      .Case([](tensor::InsertOp) { return runInsert; })
      .Case([](tensor::DimOp) { return runDim; })
      .Case([](tensor::RankOp) { return runRank; })
      .Case([](tensor::ExtractSliceOp) { return runExtractSlice; })
      .Case([](tensor::InsertSliceOp) { return runInsertSlice; })
      .Case([](tensor::ConcatOp) { return runConcat; })
      .Case([](tensor::PadOp) { return runPad; })
      .Case([](tensor::ExpandShapeOp) { return runExpandShape; })
      .Case([](tensor::CollapseShapeOp) { return runCollapseShape; })
      .Case([](tensor::ReshapeOp) { return runReshape; })
      .Case([](tensor::CastOp) { return runCast; })
      .Default(Handler(nullptr));
}
