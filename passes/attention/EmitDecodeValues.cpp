// The output's part of a block of keys, with columns of values along lanes.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/attention/EmitDecodeKernel.h"
#include "passes/attention/StoredRows.h"
#include "passes/vector/RegionVectorizer.h"

using namespace mlir;
using namespace fovea;

/// Sums in turns, so that two multiply-adds a cycle of a latency of four find one that is ready,
/// and half as many again, as they do not come at their time.
static constexpr int64_t enoughSums = 12;

/// True if no value of the block is infinite or NaN, or the block is full.
Value DecodeKernel::checkValues(const Block &block) {
  Value end = block.count;
  if (!op.hasScore()) // only what is masked matters
    end = b.createOrFold<arith::SelectOp>(block.isFull, b.index(0), end);
  Vectors none = {emitUnspoilt(b, vectorType)};
  Vectors bits = b.loop(b.index(0), end, 1, none, [&](Value key, ValueRange outer) {
    return b.loop(b.index(0), valueDim, tile.lanes, outer, [&](Value column, ValueRange inner) {
      Value value =
          loadRowPart(b, valueView, b.add(block.begin, key), column, tile.lanes, scoreType);
      return Vectors{emitSpoilt(b, inner[0], value)};
    });
  });
  return emitIsZero(b, bits[0]);
}

/// Whether the key is not masked for the row, or has a weight all the same, by its fill; with a
/// score function any score may be -inf, which cannot be told from underflow.
Value DecodeKernel::takesPart(const Block &block, const Row &row, Value key, Value p) {
  Value allowed;
  if (mask) {
    Value position = b.splat(VectorType::get({1}, b.getIndexType()), b.add(block.begin, key));
    Value lane = cloneOnLanes(b, op.getMask(), {batch, row.head, row.position, position}, 1);
    allowed = vector::ExtractOp::create(b, lane, 0);
  }
  if (!op.hasScore() && !op.getFill())
    return allowed;
  Value nonzero =
      arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, p, b.constant(scoreType, 0.0));
  if (op.getFill())
    return op.hasScore() ? nonzero : arith::OrIOp::create(b, allowed, nonzero).getResult();
  return mask ? arith::AndIOp::create(b, allowed, nonzero).getResult() : nonzero;
}

/// blockOutputs[rows of the tile][columns of the tile] += p * value, for the keys of a chunk.
void DecodeKernel::emitValueTile(const Block &block, const Chunk &chunk, const RowTile &rowTile,
                                 Value column, int64_t vectors, bool tested) {
  auto place = [&](int64_t r, int64_t v) -> SmallVector<Value> {
    return {b.add(rowTile.number, b.index(r)), b.add(column, b.index(v * tile.lanes))};
  };
  // A view of the block, so that its rows need one pointer.
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  OpFoldResult offsets[] = {block.begin, zero}, strides[] = {one, one};
  OpFoldResult sizes[] = {b.getIndexAttr(tile.keysPerBlock),
                          memref::getMixedSize(b, b.getLoc(), valueView, 1)};
  Value blockValues = memref::SubViewOp::create(b, valueView, offsets, sizes, strides);
  Vectors known;
  for (int64_t r = 0; r < rowsPerTile; ++r)
    for (int64_t v = 0; v < vectors; ++v)
      known.push_back(loadVector(blockOutputs, place(r, v)));
  Vectors sum = b.loop(chunk.begin, chunk.end, 1, known, [&](Value key, ValueRange carried) {
    if (!tested)
      fetchValues(chunk, key, column, vectors * tile.lanes);
    Vectors values, next;
    for (int64_t v = 0; v < vectors; ++v)
      values.push_back(loadRowPart(b, blockValues, key, place(0, v)[1], tile.lanes, scoreType));
    for (int64_t r = 0; r < rowsPerTile; ++r) {
      Row row{b.add(rowTile.number, b.index(r)), b.add(b.add(firstHead, rowTile.head), b.index(r)),
              rowTile.query, b.add(firstPosition, rowTile.query)};
      Value p = memref::LoadOp::create(b, scores, ValueRange{row.number, key});
      Value splat = b.splat(vectorType, p);
      Value part = tested ? takesPart(block, row, key, p) : Value();
      for (Value value : values) {
        Value before = carried[next.size()], added = multiplyAdd(splat, value, before);
        next.push_back(part ? arith::SelectOp::create(b, part, added, before).getResult() : added);
      }
    }
    return next;
  });
  for (int64_t r = 0; r < rowsPerTile; ++r)
    for (int64_t v = 0; v < vectors; ++v)
      vector::StoreOp::create(b, sum[r * vectors + v], blockOutputs, place(r, v));
}

void DecodeKernel::forEachOutput(function_ref<void(ValueRange at)> body) {
  forEachRow([&](const Row &row) {
    b.loop(b.index(0), valueDim, tile.lanes, [&](Value column) {
      body(ValueRange{row.number, column});
    });
  });
}

/// Vectors of columns at work at a time: enough sums that none waits for itself, if registers hold
/// them beside the columns and what is broadcast, but all tiles about as wide as each other.
int64_t DecodeKernel::valueVectors() {
  int64_t most = vectorsPerTile;
  while (rowsPerTile * most < enoughSums && (rowsPerTile + 1) * (most + 1) + 1 <= tile.registers)
    ++most;
  int64_t columns = rowElements(op.getValue(), op.getValuePermutation()[3]) / tile.lanes;
  return llvm::divideCeil(columns, llvm::divideCeil(columns, most));
}

void DecodeKernel::emitValueRows(const Block &block, const Chunk &chunk, const RowTile &rowTile,
                                 bool tested) {
  // In the slow variant one vector at a time.
  int64_t vectors = tested ? 1 : valueVectors();
  int64_t columns = rowElements(op.getValue(), op.getValuePermutation()[3]);
  int64_t rest = columns % (vectors * tile.lanes), whole = columns - rest;
  b.loop(b.index(0), b.index(whole), vectors * tile.lanes,
         [&](Value column) { emitValueTile(block, chunk, rowTile, column, vectors, tested); });
  if (rest)
    emitValueTile(block, chunk, rowTile, b.index(whole), rest / tile.lanes, tested);
}

void DecodeKernel::emitValueTiles(const Block &block, bool tested) {
  b.loop(b.index(0), block.count, keysPerChunk, [&](Value begin) {
    Chunk chunk{begin, b.min(b.add(begin, b.index(keysPerChunk)), block.count),
                afterValues(b.add(block.begin, begin))};
    forEachRowTile([&](const RowTile &rowTile) { emitValueRows(block, chunk, rowTile, tested); });
  });
}

// A block's keys are summed up by themselves, as by other kernels; chunk after chunk, so that
// values are read in the order in which they lie.
void DecodeKernel::emitValues(const Block &block) {
  Value zero = b.constant(vectorType, 0.0);
  forEachOutput([&](ValueRange at) { vector::StoreOp::create(b, zero, blockOutputs, at); });
  if (!block.finite)
    emitValueTiles(block, /*tested=*/false);
  else
    b.branch(
        block.finite, [&] { emitValueTiles(block, /*tested=*/false); },
        [&] { emitValueTiles(block, /*tested=*/true); });
  forEachOutput([&](ValueRange at) {
    Value output = loadVector(state.outputs, at), added = loadVector(blockOutputs, at);
    output = arith::AddFOp::create(b, output, added);
    vector::StoreOp::create(b, output, state.outputs, at);
  });
}
