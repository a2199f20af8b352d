// The output's part of a block of keys, with columns of values along lanes.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/EmitDecodeKernel.h"
#include "passes/RegionVectorizer.h"

using namespace mlir;
using namespace fovea;

/// Fetches the bytes of a register tile's width from beyond the second-level cache. While keys are
/// at work the values of the block come in, while values are the keys of the next: memory is never
/// idle, and the order in which tiles read is one that no hardware prefetcher follows.
void DecodeKernel::prefetch(Value memref, Value row, Value column) {
  int64_t perLine = 512 / cast<MemRefType>(memref.getType()).getElementTypeBitWidth();
  for (int64_t ahead = 0; ahead < vectorsPerTile * tile.lanes; ahead += perLine)
    memref::PrefetchOp::create(b, memref, ValueRange{row, b.add(column, b.index(ahead))},
                               /*isWrite=*/false, /*localityHint=*/2, /*isDataCache=*/true);
}

/// True if no value of the block is infinite or NaN, or the block is full: x - x is +0 exactly for
/// the others.
Value DecodeKernel::checkValues(const Block &block) {
  auto bitsType = b.getIntegerType(scoreType.getWidth());
  VectorType vectorBits = vectorType.clone(bitsType);
  Value end = block.count;
  if (!op.hasScore()) // only what is masked matters
    end = b.createOrFold<arith::SelectOp>(block.isFull, b.index(0), end);
  Vectors none = {b.constant(vectorBits, 0)};
  Vectors bits = b.loop(b.index(0), end, 1, none, [&](Value key, ValueRange outer) {
    return b.loop(b.index(0), valueDim, tile.lanes, outer, [&](Value column, ValueRange inner) {
      Value value = loadVector(valueView, {b.add(block.begin, key), column});
      Value zero = arith::SubFOp::create(b, value, value);
      Value spoilt = arith::BitcastOp::create(b, vectorBits, zero);
      return Vectors{arith::OrIOp::create(b, inner[0], spoilt)};
    });
  });
  Value any = vector::ReductionOp::create(b, vector::CombiningKind::OR, bits[0]);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, any, b.constant(bitsType, 0));
}

/// Whether the key is not masked for the row; with a score function any score may be -inf, which
/// cannot be told from underflow.
Value DecodeKernel::takesPart(const Block &block, const Row &row, Value key, Value p) {
  Value allowed;
  if (mask) {
    Value position = b.splat(VectorType::get({1}, b.getIndexType()), b.add(block.begin, key));
    Value lane = cloneOnLanes(b, op.getMask(), {batch, row.head, row.position, position}, 1);
    allowed = vector::ExtractOp::create(b, lane, 0);
  }
  if (!op.hasScore())
    return allowed;
  Value nonzero =
      arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, p, b.constant(scoreType, 0.0));
  return mask ? arith::AndIOp::create(b, allowed, nonzero).getResult() : nonzero;
}

void DecodeKernel::emitValueTile(const Block &block, Value query, Value head, Value number,
                                 Value column, int64_t vectors, bool tested) {
  auto columnOf = [&](int64_t v) { return b.add(column, b.index(v * tile.lanes)); };
  Vectors zeros(rowsPerTile * vectors, b.constant(vectorType, 0.0));
  Vectors sum = b.loop(b.index(0), block.count, 1, zeros, [&](Value key, ValueRange carried) {
    if (!tested)
      prefetch(keyView, b.add(b.add(block.begin, b.index(tile.keysPerBlock)), key), column);
    Vectors values, next;
    for (int64_t v = 0; v < vectors; ++v)
      values.push_back(loadVector(valueView, {b.add(block.begin, key), columnOf(v)}));
    for (int64_t r = 0; r < rowsPerTile; ++r) {
      Row row{b.add(number, b.index(r)), b.add(b.add(firstHead, head), b.index(r)), query,
              b.add(firstPosition, query)};
      Value p = memref::LoadOp::create(b, scores, ValueRange{row.number, key});
      Value splat = b.splat(vectorType, p);
      Value part = tested ? takesPart(block, row, key, p) : Value();
      for (Value value : values) {
        Value known = carried[next.size()], added = multiplyAdd(splat, value, known);
        next.push_back(part ? arith::SelectOp::create(b, part, added, known).getResult() : added);
      }
    }
    return next;
  });
  for (int64_t r = 0; r < rowsPerTile; ++r)
    for (int64_t v = 0; v < vectors; ++v) {
      Value at[] = {b.add(number, b.index(r)), columnOf(v)};
      Value output = loadVector(outputs, at);
      output = arith::AddFOp::create(b, output, sum[r * vectors + v]);
      vector::StoreOp::create(b, output, outputs, at);
    }
}

void DecodeKernel::emitValues(const Block &block) {
  int64_t width = vectorsPerTile * tile.lanes;
  auto emitTiles = [&](bool tested) {
    // In the slow variant one vector at a time.
    Value whole = tested ? b.index(0) : b.roundDown(valueDim, width);
    forEachRowTile([&](Value query, Value head, Value number) {
      b.loop(b.index(0), whole, width, [&](Value column) {
        emitValueTile(block, query, head, number, column, vectorsPerTile, tested);
      });
      b.loop(whole, valueDim, tile.lanes,
             [&](Value column) { emitValueTile(block, query, head, number, column, 1, tested); });
    });
  };
  if (!block.finite)
    return emitTiles(/*tested=*/false);
  b.branch(block.finite, [&] { emitTiles(/*tested=*/false); }, [&] { emitTiles(/*tested=*/true); });
}
