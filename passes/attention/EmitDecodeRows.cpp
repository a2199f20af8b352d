// The rows of a group: their queries, scaled and packed, and the state that they begin and end
// with.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/attention/EmitDecodeKernel.h"
#include "passes/attention/SoftmaxMath.h"
#include "passes/vector/RegionVectorizer.h"

using namespace mlir;
using namespace fovea;

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

/// scaledQueries[r][d], in scores' type: whole vectors, as conversions of single elements would
/// take as long as dozens of keys.
void DecodeKernel::scaleQueries(const RowTile &rowTile) {
  Value factor = emitQueryFactor(b, op, headDim);
  for (int64_t r = 0; r < rowsPerTile; ++r) {
    Value query = viewOf(b, op.getQuery(), op.getQueryPermutation(),
                         {batch, b.add(b.add(firstHead, rowTile.head), b.index(r))});
    auto type = cast<MemRefType>(query.getType());
    Value whole = type.isLastDimUnitStride() ? b.roundDown(headDim, tile.lanes) : b.index(0);
    b.loop(b.index(0), whole, tile.lanes, [&](Value d) {
      Value vector = loadVector(query, {rowTile.query, d});
      vector = arith::MulFOp::create(b, vector, b.splat(vectorType, factor));
      vector::StoreOp::create(b, vector, scaledQueries, ValueRange{b.index(r), d});
    });
    b.loop(whole, headDim, 1, [&](Value d) {
      Value element = memref::LoadOp::create(b, query, ValueRange{rowTile.query, d});
      Value scaled = arith::MulFOp::create(b, b.convertFloat(element, scoreType), factor);
      memref::StoreOp::create(b, scaled, scaledQueries, ValueRange{b.index(r), d});
    });
  }
}

/// Of one query, for vectors of keys that are not together; of more, the next take their place.
int64_t DecodeKernel::queryCopies() {
  return multipliesFromRegisters() && !stagesKeys()
             ? llvm::divideCeil(keyVectors(), vectorsTogether())
             : 1;
}

void DecodeKernel::packQueries() {
  forEachRowTile([&](const RowTile &rowTile) {
    scaleQueries(rowTile);
    Value place = b.divide(rowTile.number, rowsPerTile);
    b.loop(b.index(0), headDim, 1, [&](Value d) {
      for (int64_t r = 0; r < rowsPerTile; ++r) {
        Value scaled = memref::LoadOp::create(b, scaledQueries, ValueRange{b.index(r), d});
        for (int64_t copy = 0; copy < queryCopies(); ++copy) {
          Value at[] = {b.add(place, b.index(copy)), d, b.index(r)};
          memref::StoreOp::create(b, scaled, packedQueries, at);
        }
      }
    });
  });
}

//===----------------------------------------------------------------------===//
// States
//===----------------------------------------------------------------------===//

void DecodeKernel::clear(const DecodeState &of) {
  forEachRow([&](const Row &row) { states->clear(of, row.number); });
}

void DecodeKernel::initialize(const DecodeState &of) {
  clear(of);
  if (!op.hasSink())
    return;
  // The sink is one more key, whose value is zero, and comes first.
  forEachRow([&](const Row &row) {
    Value logit = cloneOnLanes(b, op.getSink(), {batch, row.head, row.position}, 1);
    logit = vector::ExtractOp::create(b, logit, 0);
    logit = arith::MulFOp::create(b, logit, b.constant(scoreType, softmax::log2e));
    Value maximum = emitLarger(b, b.constant(scoreType, -softmax::infinity), logit);
    Value sum = states->exponential(logit, emitFiniteMaximum(b, maximum));
    memref::StoreOp::create(b, maximum, of.maxima, row.number);
    memref::StoreOp::create(b, sum, of.sums, row.number);
  });
}

void DecodeKernel::finish(const DecodeState &of) {
  forEachRow([&](const Row &row) {
    Value output = viewOf(b, op.getOutputInit(), op.getOutputPermutation(), {batch, row.head});
    states->storeOutput(of, row.number, output, row.query);
    Value lse = op.getLseInit();
    if (!lse)
      return;
    Type element = cast<MemRefType>(lse.getType()).getElementType();
    memref::StoreOp::create(b, b.convertFloat(states->emitLse(of, row.number), element), lse,
                            ValueRange{batch, row.head, row.query});
  });
}
