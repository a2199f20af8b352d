// TilingInterface of attention: along b, h and r (batch, query head, query row), without
// changing any result bit. A tile is an attention whose `query_offset` and `counter` operands
// say where it lies in the whole, and whose regions see the batch and head of the whole.
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"

using namespace mlir;
using namespace fovea::attn;

using Offsets = ArrayRef<OpFoldResult>;

namespace {
/// A rectangle of an operand. Dims are those of the operand in memory.
struct Slice {
  SmallVector<OpFoldResult> offsets;
  SmallVector<OpFoldResult> sizes;
};
} // namespace

static OpFoldResult getSize(OpBuilder &b, Location loc, Value value, int64_t dim) {
  if (isa<MemRefType>(value.getType()))
    return memref::getMixedSize(b, loc, value, dim);
  return tensor::getMixedSize(b, loc, value, dim);
}

static OpFoldResult apply(OpBuilder &b, Location loc, AffineExpr expr, Offsets operands) {
  return affine::makeComposedFoldedAffineApply(b, loc, expr, operands);
}

static OpFoldResult add(OpBuilder &b, Location loc, OpFoldResult lhs, OpFoldResult rhs) {
  return apply(b, loc, b.getAffineSymbolExpr(0) + b.getAffineSymbolExpr(1), {lhs, rhs});
}

/// The whole of `value`.
static Slice getWhole(OpBuilder &b, Location loc, Value value) {
  Slice slice;
  int64_t rank = cast<ShapedType>(value.getType()).getRank();
  slice.offsets.assign(rank, b.getIndexAttr(0));
  for (int64_t dim = 0; dim < rank; ++dim)
    slice.sizes.push_back(getSize(b, loc, value, dim));
  return slice;
}

static Operation *createSlice(OpBuilder &b, Location loc, Value value, const Slice &slice) {
  SmallVector<OpFoldResult> strides(slice.offsets.size(), b.getIndexAttr(1));
  if (isa<MemRefType>(value.getType()))
    return memref::SubViewOp::create(b, loc, value, slice.offsets, slice.sizes, strides);
  return tensor::ExtractSliceOp::create(b, loc, value, slice.offsets, slice.sizes, strides);
}

/// The key heads that the query heads [offset, offset + size) read: one head for a tile of one,
/// whole groups for larger tiles. Nothing for a tile that is neither (attention_s13).
static FailureOr<std::pair<OpFoldResult, OpFoldResult>>
getKeyHeads(OpBuilder &b, AttentionOp op, OpFoldResult offset, OpFoldResult size) {
  Location loc = op.getLoc();
  OpFoldResult queryHeads = getSize(b, loc, op.getQuery(), op.getQueryPermutation()[1]);
  OpFoldResult keyHeads = getSize(b, loc, op.getKey(), op.getKeyPermutation()[1]);
  int64_t group = op.getGroupSize();
  if (group == 1)
    return std::pair(offset, size);
  if (isOneInteger(keyHeads) || isEqualConstantIntOrValue(size, queryHeads))
    return std::pair<OpFoldResult, OpFoldResult>(b.getIndexAttr(0), keyHeads);

  AffineExpr s0 = b.getAffineSymbolExpr(0), s1 = b.getAffineSymbolExpr(1);
  std::optional<int64_t> tile = getConstantIntValue(size);
  if (tile == 1) {
    OpFoldResult groupSize = apply(b, loc, s0.floorDiv(s1), {queryHeads, keyHeads});
    return std::pair<OpFoldResult, OpFoldResult>(
        apply(b, loc, s0.floorDiv(s1), {offset, groupSize}), b.getIndexAttr(1));
  }
  if (tile && ShapedType::isStatic(group) && *tile % group == 0)
    return std::pair<OpFoldResult, OpFoldResult>(apply(b, loc, s0.floorDiv(group), {offset}),
                                                 b.getIndexAttr(*tile / group));
  op.emitOpError("cannot be tiled along heads like this (attention_s13): expected a tile of one "
                 "query head, of all of them, or of a multiple of the group size ")
      << (ShapedType::isDynamic(group) ? std::string("H / G") : std::to_string(group)) << ", got "
      << (tile ? std::to_string(*tile) : std::string("a size known at run time only"));
  return failure();
}

OpFoldResult AttentionOp::getFirstPosition(OpBuilder &b) {
  if (Value offset = getQueryOffset())
    return getAsOpFoldResult(offset);
  if (getAlignment() == Alignment::TopLeft)
    return b.getIndexAttr(0);
  OpFoldResult keys = getSize(b, getLoc(), getKey(), getKeyPermutation()[2]);
  OpFoldResult queries = getSize(b, getLoc(), getQuery(), getQueryPermutation()[2]);
  return apply(b, getLoc(), b.getAffineSymbolExpr(0) - b.getAffineSymbolExpr(1), {keys, queries});
}

SmallVector<OpFoldResult> AttentionOp::getMixedDropoutCounter(OpBuilder &b) {
  if (!getDropoutCounter().empty())
    return getAsOpFoldResult(getDropoutCounter());
  SmallVector<int64_t> perm = getQueryPermutation();
  OpFoldResult heads = getSize(b, getLoc(), getQuery(), perm[1]);
  OpFoldResult queries = getSize(b, getLoc(), getQuery(), perm[2]);
  OpFoldResult keys = getSize(b, getLoc(), getKey(), getKeyPermutation()[2]);
  AffineExpr product = b.getAffineSymbolExpr(0) * b.getAffineSymbolExpr(1);
  OpFoldResult headStride = apply(b, getLoc(), product, {queries, keys});
  return {b.getIndexAttr(0), apply(b, getLoc(), product, {heads, headStride}), headStride};
}

/// The counter operands of a tile at (b, h, r).
static SmallVector<Value> getTileCounter(OpBuilder &b, AttentionOp op, Offsets offsets) {
  if (!op.getSeed())
    return {};
  Location loc = op.getLoc();
  SmallVector<OpFoldResult> counter = op.getMixedDropoutCounter(b);
  OpFoldResult rowStride = getSize(b, loc, op.getKey(), op.getKeyPermutation()[2]);
  OpFoldResult strides[] = {counter[1], counter[2], rowStride};
  AffineExpr product = b.getAffineSymbolExpr(0) * b.getAffineSymbolExpr(1);
  for (auto [offset, stride] : llvm::zip_equal(offsets, strides))
    counter[0] = add(b, loc, counter[0], apply(b, loc, product, {offset, stride}));
  return getValueOrCreateConstantIndexOp(b, loc, counter);
}

/// Makes the region's argument count from `offset`. i needs no shift: `query_offset` gives it.
static void shiftArgument(OpBuilder &b, Region &region, unsigned argument, Value offset) {
  if (region.empty() || !offset)
    return;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&region.front());
  BlockArgument local = region.getArgument(argument);
  if (local.use_empty())
    return;
  auto global = arith::AddIOp::create(b, region.getLoc(), local, offset);
  local.replaceAllUsesExcept(global, global);
}

/// The chunks of column sums that a tile of rows [offset, offset + size) covers. A tile begins
/// with a chunk and ends with one or with the last row (attention_s14).
static FailureOr<std::pair<OpFoldResult, OpFoldResult>>
getChunks(OpBuilder &b, AttentionOp op, OpFoldResult offset, OpFoldResult size) {
  int64_t chunk = *op.getColumnChunk();
  AffineExpr s0 = b.getAffineSymbolExpr(0);
  if (getConstantIntValue(offset).value_or(0) % chunk != 0) {
    op.emitOpError("cannot be tiled along rows like this (attention_s14): expected tiles that "
                   "begin with a chunk of ")
        << chunk << " rows, got one that begins with row " << *getConstantIntValue(offset);
    return failure();
  }
  return std::pair(apply(b, op.getLoc(), s0.floorDiv(chunk), {offset}),
                   apply(b, op.getLoc(), s0.ceilDiv(chunk), {size}));
}

/// The rectangles of query, key, value and inits that the tile reads and writes.
static FailureOr<SmallVector<Slice>> getOperandSlices(OpBuilder &b, AttentionOp op, Offsets offsets,
                                                      Offsets sizes) {
  Location loc = op.getLoc();
  auto keyHeads = getKeyHeads(b, op, offsets[1], sizes[1]);
  if (failed(keyHeads))
    return failure();
  SmallVector<Slice> slices;
  auto addSlice = [&](Value operand, ArrayRef<int64_t> dims, Offsets tileOffsets,
                      Offsets tileSizes) {
    Slice &slice = slices.emplace_back(getWhole(b, loc, operand));
    for (auto [dim, offset, size] : llvm::zip_equal(dims, tileOffsets, tileSizes)) {
      slice.offsets[dim] = offset;
      slice.sizes[dim] = size;
    }
  };
  addSlice(op.getQuery(), ArrayRef(op.getQueryPermutation()).take_front(3), offsets, sizes);
  addSlice(op.getKey(), ArrayRef(op.getKeyPermutation()).take_front(2),
           {offsets[0], keyHeads->first}, {sizes[0], keyHeads->second});
  addSlice(op.getValue(), ArrayRef(op.getValuePermutation()).take_front(2),
           {offsets[0], keyHeads->first}, {sizes[0], keyHeads->second});
  addSlice(op.getOutputInit(), ArrayRef(op.getOutputPermutation()).take_front(3), offsets, sizes);
  SmallVector<AttentionOutput> outputs = op.getOutputs();
  for (auto [output, init] :
       llvm::zip_equal(ArrayRef(outputs).drop_front(), op.getInits().drop_front())) {
    SmallVector<OpFoldResult> from(offsets), count(sizes);
    if (output == AttentionOutput::ColumnSums) {
      auto chunks = getChunks(b, op, offsets[2], sizes[2]);
      if (failed(chunks))
        return failure();
      std::tie(from[2], count[2]) = *chunks;
    }
    addSlice(init, {0, 1, 2}, from, count);
  }
  return slices;
}

SmallVector<utils::IteratorType> AttentionOp::getLoopIteratorTypes() {
  return SmallVector<utils::IteratorType>(3, utils::IteratorType::parallel);
}

SmallVector<Range> AttentionOp::getIterationDomain(OpBuilder &b) {
  SmallVector<Range> domain;
  SmallVector<int64_t> perm = getQueryPermutation();
  for (int64_t dim : ArrayRef(perm).take_front(3))
    domain.push_back({b.getIndexAttr(0), getSize(b, getLoc(), getQuery(), dim), b.getIndexAttr(1)});
  return domain;
}

FailureOr<TilingResult> AttentionOp::getTiledImplementation(OpBuilder &b, Offsets offsets,
                                                            Offsets sizes) {
  Location loc = getLoc();
  FailureOr<SmallVector<Slice>> slices = getOperandSlices(b, *this, offsets, sizes);
  if (failed(slices))
    return failure();

  TilingResult result;
  SmallVector<Value> operands;
  SmallVector<Type> resultTypes;
  for (auto [operand, slice] : llvm::zip(getOperands(), *slices)) {
    result.generatedSlices.push_back(createSlice(b, loc, operand, slice));
    operands.push_back(result.generatedSlices.back()->getResult(0));
    if (operands.size() > 3 && isa<RankedTensorType>(operands.back().getType()))
      resultTypes.push_back(operands.back().getType());
  }
  OpFoldResult position = add(b, loc, getFirstPosition(b), offsets[2]);
  operands.push_back(getValueOrCreateConstantIndexOp(b, loc, position));
  if (getSeed())
    operands.push_back(getSeed());
  SmallVector<Value> counter = getTileCounter(b, *this, offsets);
  llvm::append_range(operands, counter);
  Value shifts[2];
  for (int dim : {0, 1})
    if (!isZeroInteger(offsets[dim]))
      shifts[dim] = getValueOrCreateConstantIndexOp(b, loc, offsets[dim]);

  // The clone's segment sizes are the untiled op's until they are set.
  AttentionOp tile = cloneWithOperands(b, resultTypes, operands);
  int32_t numInits = getInits().size(), numCounters = counter.size();
  llvm::copy(ArrayRef<int32_t>({1, 1, 1, numInits, 1, getSeed() ? 1 : 0, numCounters}),
             tile.getProperties().operandSegmentSizes.begin());
  for (int dim : {0, 1}) {
    shiftArgument(b, tile.getScore(), dim + 1, shifts[dim]);
    shiftArgument(b, tile.getMask(), dim, shifts[dim]);
    shiftArgument(b, tile.getSink(), dim, shifts[dim]);
    shiftArgument(b, tile.getBucket(), dim, shifts[dim]);
  }
  result.tiledOps.push_back(tile);
  llvm::append_range(result.tiledValues, tile->getResults());
  return result;
}

LogicalResult AttentionOp::getResultTilePosition(OpBuilder &b, unsigned resultNumber,
                                                 Offsets offsets, Offsets sizes,
                                                 SmallVector<OpFoldResult> &resultOffsets,
                                                 SmallVector<OpFoldResult> &resultSizes) {
  Slice slice = getWhole(b, getLoc(), getInits()[resultNumber]);
  SmallVector<int64_t> dims =
      resultNumber == 0 ? getOutputPermutation() : SmallVector<int64_t>{0, 1, 2};
  for (int64_t i = 0; i < 3; ++i) {
    slice.offsets[dims[i]] = offsets[i];
    slice.sizes[dims[i]] = sizes[i];
  }
  if (getOutputs()[resultNumber] == AttentionOutput::ColumnSums) {
    auto chunks = getChunks(b, *this, offsets[2], sizes[2]);
    if (failed(chunks))
      return failure();
    std::tie(slice.offsets[2], slice.sizes[2]) = *chunks;
  }
  resultOffsets = slice.offsets;
  resultSizes = slice.sizes;
  return success();
}

/// Whether [offset, offset + size) provably is all of `dim` of `value`.
static bool coversDim(OpFoldResult offset, OpFoldResult size, Value value, int64_t dim) {
  using Variable = ValueBoundsConstraintSet::Variable;
  int64_t extent = cast<ShapedType>(value.getType()).getDimSize(dim);
  if (!isZeroInteger(offset))
    return false;
  if (std::optional<int64_t> constant = getConstantIntValue(size); constant && extent == *constant)
    return true;
  FailureOr<bool> equal = ValueBoundsConstraintSet::areEqual(Variable(size), Variable(value, dim));
  return succeeded(equal) && *equal;
}

LogicalResult AttentionOp::getIterationDomainTileFromResultTile(
    OpBuilder &, unsigned resultNumber, Offsets offsets, Offsets sizes,
    SmallVectorImpl<OpFoldResult> &domainOffsets, SmallVectorImpl<OpFoldResult> &domainSizes) {
  Value init = getInits()[resultNumber];
  // Of column sums a tile stands for rows that only the op knows.
  if (getOutputs()[resultNumber] == AttentionOutput::ColumnSums)
    return failure();
  SmallVector<int64_t> dims =
      resultNumber == 0 ? getOutputPermutation() : SmallVector<int64_t>{0, 1, 2, 3};
  // The last dim, such as the output's head dim and the weights' keys, is computed as a whole.
  if (cast<ShapedType>(init.getType()).getRank() == 4 &&
      !coversDim(offsets[dims[3]], sizes[dims[3]], init, dims[3]))
    return failure();
  for (int64_t dim : ArrayRef(dims).take_front(3)) {
    domainOffsets.push_back(offsets[dim]);
    domainSizes.push_back(sizes[dim]);
  }
  return success();
}

FailureOr<TilingResult> AttentionOp::generateResultTileValue(OpBuilder &b, unsigned resultNumber,
                                                             Offsets offsets, Offsets sizes) {
  SmallVector<OpFoldResult> domainOffsets, domainSizes;
  if (failed(getIterationDomainTileFromResultTile(b, resultNumber, offsets, sizes, domainOffsets,
                                                  domainSizes)))
    return failure();
  FailureOr<TilingResult> tile = getTiledImplementation(b, domainOffsets, domainSizes);
  if (failed(tile))
    return failure();
  tile->tiledValues = {tile->tiledValues[resultNumber]};
  return tile;
}
