// The attn dialect in the reference executor, but for attention and sampling: each op as its
// description in dialect/AttnOps.td has it.
#include "dialect/AttnOps.h"
#include "dialect/Philox.h"
#include "runtime/ReferenceFrame.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::reference;

/// A new array of the type and sizes of an op's one init, to be written whole.
static llvm::Expected<Array> createResult(Operation *op, const Frame &frame) {
  auto destination = cast<DestinationStyleOpInterface>(op);
  const Array &init = frame.array(destination.getDpsInitOperand(0)->get());
  llvm::Expected<Array> result = Array::create(init.elementType, init.sizes);
  return result ? std::move(result) : errorAt(op, result.takeError());
}

static llvm::Error runCreateMask(Operation *op, Frame &frame) {
  auto create = cast<attn::CreateMaskOp>(op);
  llvm::Expected<Array> result = createResult(op, frame);
  if (!result)
    return result.takeError();
  llvm::Expected<Program> program = frame.compile(create.getPredicate().front());
  if (!program)
    return program.takeError();
  if (llvm::Error error = fillFromIndices(*program, *result))
    return error;
  frame.set(op->getResult(0), std::move(*result));
  return llvm::Error::success();
}

/// The strides that read `array` broadcast to `sizes` as in numpy: 0 in repeated dims.
static llvm::Expected<DimVector> broadcastStrides(Operation *op, const Array &array,
                                                  ArrayRef<int64_t> sizes) {
  int64_t missing = sizes.size() - array.rank();
  DimVector strides(sizes.size(), 0);
  for (int64_t dim = 0; dim < array.rank(); ++dim) {
    int64_t size = array.sizes[dim];
    if (missing < 0 || (size != 1 && size != sizes[missing + dim]))
      return expectSizes(op, "a mask that broadcasts to scores", array.sizes, sizes);
    strides[missing + dim] = size == 1 ? 0 : array.strides()[dim];
  }
  return strides;
}

static llvm::Error runApplyMask(Operation *op, Frame &frame) {
  auto apply = cast<attn::ApplyMaskOp>(op);
  const Array &scores = frame.array(apply.getScores()), &mask = frame.array(apply.getMask());
  llvm::Expected<Array> result = createResult(op, frame);
  if (!result)
    return result.takeError();
  if (llvm::Error error = expectSizes(op, "an init", result->sizes, scores.sizes))
    return error;
  llvm::Expected<DimVector> strides = broadcastStrides(op, mask, scores.sizes);
  if (!strides)
    return strides.takeError();
  Cell fill = {apply.getFill().convertToDouble()};
  DimVector index(scores.rank(), 0);
  for (int64_t offset = 0; offset < scores.count; ++offset) {
    int64_t at = 0;
    for (auto [i, stride] : llvm::zip_equal(index, *strides))
      at += i * stride;
    (*result)[offset] = mask[at].i ? scores[offset] : fill;
    nextIndex(index, scores.sizes);
  }
  frame.set(op->getResult(0), std::move(*result));
  return llvm::Error::success();
}

static llvm::Error runUnfold(Operation *op, Frame &frame) {
  auto unfold = cast<attn::UnfoldOp>(op);
  const Array &source = frame.array(unfold.getSource());
  int64_t dim = unfold.getDim(), size = unfold.getSize(), step = unfold.getStep();
  int64_t extent = source.sizes[dim];
  if (size > extent)
    return errorAt(op, "expected windows of at most " + Twine(extent) + " elements, got " +
                           Twine(size));
  DimVector sizes = source.sizes;
  sizes[dim] = (extent - size) / step + 1;
  sizes.push_back(size);
  llvm::Expected<Array> result = Array::create(source.elementType, sizes);
  if (!result)
    return errorAt(op, result.takeError());
  DimVector index(sizes.size(), 0), strides = source.strides();
  for (int64_t offset = 0; offset < result->count; ++offset) {
    int64_t at = index.back() * strides[dim];
    for (int64_t d = 0; d < source.rank(); ++d)
      at += index[d] * strides[d] * (d == dim ? step : 1);
    (*result)[offset] = source[at];
    nextIndex(index, sizes);
  }
  frame.set(op->getResult(0), std::move(*result));
  return llvm::Error::success();
}

static llvm::Error runAttnSoftmax(Operation *op, Frame &frame) {
  auto softmax = cast<attn::SoftmaxOp>(op);
  return runSoftmax(op, frame, frame.array(softmax.getSource()), softmax.getDim());
}

//===----------------------------------------------------------------------===//
// Rotary positions and the cache
//===----------------------------------------------------------------------===//

/// Rotates one head's row of elements in place: `target` is a copy of the source.
static void rotate(attn::RotaryPairing pairing, Cell *row, const Cell *cosine, const Cell *sine,
                   int64_t half) {
  bool split = pairing == attn::RotaryPairing::HalfSplit;
  for (int64_t d = 0; d < half; ++d) {
    Cell &first = row[split ? d : 2 * d], &second = row[split ? d + half : 2 * d + 1];
    double x1 = first.f, x2 = second.f;
    first.f = x1 * cosine[d].f - x2 * sine[d].f;
    second.f = x2 * cosine[d].f + x1 * sine[d].f;
  }
}

static llvm::Error runRotary(Operation *op, Frame &frame) {
  auto rotary = cast<attn::RotaryOp>(op);
  const Array &source = frame.array(rotary.getSource());
  const Array &cosine = frame.array(rotary.getCosine()), &sine = frame.array(rotary.getSine());
  int64_t dim = rotary.getSequenceDim(), half = cosine.sizes.back(), headDim = source.sizes[3];
  int64_t length = source.sizes[dim];
  bool perSequence = cosine.rank() == 3;
  DimVector angles = {length, half};
  if (perSequence)
    angles.insert(angles.begin(), source.sizes[0]);
  if (llvm::Error error = expectSizes(op, "a cosine", cosine.sizes, angles))
    return error;
  if (llvm::Error error = expectSizes(op, "a sine", sine.sizes, cosine.sizes))
    return error;
  if (half > headDim / 2)
    return errorAt(op, "expected at most " + Twine(headDim / 2) + " angles a position, got " +
                           Twine(half));
  llvm::Expected<Array> result = source.clone();
  if (!result)
    return errorAt(op, result.takeError());
  int64_t rows = headDim == 0 ? 0 : source.count / headDim;
  for (int64_t row = 0; row < rows; ++row) {
    int64_t position = dim == 2 ? row % source.sizes[2] : row / source.sizes[2] % source.sizes[1];
    if (perSequence)
      position += row / (source.sizes[1] * source.sizes[2]) * length;
    rotate(rotary.getPairing(), &(*result)[row * headDim], &cosine[position * half],
           &sine[position * half], half);
  }
  frame.set(op->getResult(0), std::move(*result));
  return llvm::Error::success();
}

/// Where each of `batch` sequences appends.
static llvm::Expected<SmallVector<int64_t>> positionsOf(attn::CacheAppendOp append,
                                                        const Frame &frame, int64_t batch) {
  if (isa<IndexType>(append.getPosition().getType()))
    return SmallVector<int64_t>(batch, frame.integer(append.getPosition()));
  const Array &array = frame.array(append.getPosition());
  if (llvm::Error error = expectSizes(append, "positions", array.sizes, {batch}))
    return std::move(error);
  SmallVector<int64_t> positions;
  for (int64_t b = 0; b < batch; ++b)
    positions.push_back(array[b].i);
  return positions;
}

static llvm::Error runCacheAppend(Operation *op, Frame &frame) {
  auto append = cast<attn::CacheAppendOp>(op);
  const Array &source = frame.array(append.getSource());
  llvm::Expected<Array> cache = frame.array(append.getInits()[0]).clone();
  if (!cache)
    return errorAt(op, cache.takeError());
  int64_t length = source.sizes[2], capacity = cache->sizes[2], row = source.sizes[3];
  if (llvm::Error error = expectSizes(op, "a source", source.sizes,
                                      {cache->sizes[0], cache->sizes[1], length, cache->sizes[3]}))
    return error;
  llvm::Expected<SmallVector<int64_t>> positions = positionsOf(append, frame, cache->sizes[0]);
  if (!positions)
    return positions.takeError();
  for (int64_t position : *positions)
    if (position < 0 || length > capacity || (!append.getRing() && position > capacity - length))
      return errorAt(op, Twine(length) + " rows at position " + Twine(position) +
                             " do not fit into a cache of " + Twine(capacity));
  int64_t heads = cache->sizes[0] * cache->sizes[1];
  for (int64_t head = 0; head < heads; ++head)
    for (int64_t l = 0; l < length; ++l) {
      int64_t position = (*positions)[head / cache->sizes[1]];
      int64_t target = append.getRing() ? (position % capacity + l) % capacity : position + l;
      std::copy_n(&source[(head * length + l) * row], row,
                  &(*cache)[(head * capacity + target) * row]);
    }
  frame.set(op->getResult(0), std::move(*cache));
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Dropout and weights
//===----------------------------------------------------------------------===//

static llvm::Error runDropout(Operation *op, Frame &frame) {
  auto dropout = cast<attn::DropoutOp>(op);
  const Array &source = frame.array(dropout.getSource());
  llvm::Expected<Array> result = createResult(op, frame);
  if (!result)
    return result.takeError();
  if (llvm::Error error = expectSizes(op, "an init", result->sizes, source.sizes))
    return error;
  double p = dropout.getP().convertToDouble();
  uint64_t seed = frame.integer(dropout.getSeed());
  for (int64_t offset = 0; offset < source.count; ++offset)
    (*result)[offset].f = philox::uniform(seed, offset) >= p ? source[offset].f / (1 - p) : 0;
  frame.set(op->getResult(0), std::move(*result));
  return llvm::Error::success();
}

static llvm::Error runWeight(Operation *op, Frame &frame) {
  auto weight = cast<attn::WeightOp>(op);
  attn::WeightSlots slots = weight.getSlots();
  int64_t slot = 0;
  for (auto [index, count] : llvm::zip_equal(weight.getIndices(), slots.counts)) {
    int64_t number = frame.integer(index);
    if (number < 0 || number >= count)
      return errorAt(op, "expected an index below " + Twine(count) + ", got " + Twine(number));
    slot = slot * count + number;
  }
  if (!slots.isReached(slot))
    return errorAt(op, "expected indices that the op says it takes, got those of slot " +
                           Twine(slot) + " of '" + Twine(slots.name) + "'");
  std::string name = slots.nameOf(slot);
  if (!frame.weights)
    return errorAt(op, "there are no weights to look up '" + Twine(name) + "' in");
  std::optional<TensorView> view = frame.weights->find(name);
  if (!view)
    return errorAt(op, "there is no tensor '" + Twine(name) + "' in " + frame.weights->location());
  RankedTensorType stored = weight.getStoredType();
  if (failed(verifyCompatibleShape(stored.getShape(), view->sizes())))
    return expectSizes(op, "weight '" + name + "'", view->sizes(), stored.getShape());
  TensorView part = view->inStack(slots.stackDims().size(), slot % slots.stackSize());
  llvm::Expected<Array> array = toArray(part, stored.getElementType());
  if (!array)
    return errorAt(op, array.takeError());
  frame.set(op->getResult(0), std::move(*array));
  return llvm::Error::success();
}

Handler reference::lookupAttnHandler(Operation *op) {
  return TypeSwitch<Operation *, Handler>(op)
      .Case([](attn::AttentionOp) { return runAttention; })
      .Case([](attn::CreateMaskOp) { return runCreateMask; })
      .Case([](attn::ApplyMaskOp) { return runApplyMask; })
      .Case([](attn::UnfoldOp) { return runUnfold; })
      .Case([](attn::SoftmaxOp) { return runAttnSoftmax; })
      .Case([](attn::RotaryOp) { return runRotary; })
      .Case([](attn::CacheAppendOp) { return runCacheAppend; })
      .Case([](attn::QuantizeRowsOp) { return runQuantizeRows; })
      .Case([](attn::DropoutOp) { return runDropout; })
      .Case([](attn::SampleOp) { return runSample; })
      .Case([](attn::WeightOp) { return runWeight; })
      .Default(Handler(nullptr));
}
