// What the rows of a panel have gathered: maximum, sum and output. Keys are taken in segments at
// absolute positions, each with a state of its own, and the states merged in order, so that
// segments may as well be computed at the same time (EmitDecodeKernel.h).
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/attention/EmitAttentionKernel.h"
#include "passes/attention/SoftmaxMath.h"
#include "passes/vector/RegionVectorizer.h"

using namespace mlir;
using namespace fovea;

void AttentionKernel::useState(Value slot) {
  outputs = viewOf(b, states.outputs, slot);
  maxima = viewOf(b, states.maxima, slot);
  sums = viewOf(b, states.sums, slot);
  if (buckets)
    bucketScratch = viewOf(b, states.buckets, slot);
}

// A mask with gaps may leave out any block, and where masked keys have a fill, keys are visited
// twice.
bool AttentionKernel::writesFirstOutputs() { return !hasGaps() && !op.getFill(); }

void AttentionKernel::clearOutputs(const Panel &panel) {
  b.loop(b.index(0), paddedValueDim, 1, [&](Value column) {
    store(constants(0.0), outputs, {panel.index, column});
  });
}

void AttentionKernel::clearState(const Panel &panel, const KeySpan &segment) {
  if (writesFirstOutputs()) {
    MaskBounds visible = boundsOf(panel.first, panel.last);
    Value first = b.createOrFold<arith::MaxSIOp>(visible.anyLo, segment.lo);
    Value seesNone = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sge, first,
                                                   b.min(visible.anyHi, segment.hi));
    b.branch(
        seesNone, [&] { clearOutputs(panel); }, [] {});
  } else {
    clearOutputs(panel);
  }
  if (buckets)
    b.loop(b.index(0), buckets, 1, [&](Value bucket) {
      store(constants(0.0), bucketScratch, {panel.index, bucket});
    });
  store(constants(-softmax::infinity), maxima, {panel.index});
  store(constants(0.0), sums, {panel.index});
}

void AttentionKernel::initialize(const Panel &panel, const KeySpan &own) {
  clearState(panel, own);
  if (!op.hasSink())
    return;
  // The sink is one more key, whose value is zero, and comes first.
  Vectors logits = eachVector([&](int64_t v) -> Value {
    Value logit =
        cloneOnLanes(b, op.getSink(), {head.batch, head.head, panel.positions[v]}, tile.lanes);
    return arith::MulFOp::create(b, logit, b.constant(vectorType, softmax::log2e));
  });
  Vectors maximum = larger(constants(-softmax::infinity), logits);
  store(maximum, maxima, {panel.index});
  store(probabilities(logits, finiteMaximum(maximum)), sums, {panel.index});
}

// total = total * 2^(its maximum - m) + part * 2^(its maximum - m) for the larger maximum m. A part
// without keys changes nothing.
void AttentionKernel::mergeStates(const Panel &panel) {
  Value partMaxima = maxima, partSums = sums, partOutputs = outputs, partBuckets = bucketScratch;
  useState(b.index(total));
  b.loop(b.index(0), b.index(tile.width()), tile.lanes, [&](Value lane) {
    Value at[] = {panel.index, lane};
    auto loadAt = [&](Value memref) { return vector::LoadOp::create(b, vectorType, memref, at); };
    Value before = loadAt(maxima), partMaximum = loadAt(partMaxima);
    Value after = emitLarger(b, before, partMaximum), finite = emitFiniteMaximum(b, after);
    Value factor = probability(before, finite), partFactor = probability(partMaximum, finite);
    auto mergeRows = [&](Value into, Value from, Value count) {
      b.loop(b.index(0), count, 1, [&](Value row) {
        Value at[] = {panel.index, row, lane};
        Value whole = vector::LoadOp::create(b, vectorType, into, at);
        Value part = vector::LoadOp::create(b, vectorType, from, at);
        whole = emitMerged(b, op, tile.fusedMultiplyAdd, whole, factor, part, partFactor);
        vector::StoreOp::create(b, whole, into, at);
      });
    };
    vector::StoreOp::create(b, after, maxima, at);
    Value sum =
        emitMergedSum(b, tile.fusedMultiplyAdd, loadAt(sums), factor, loadAt(partSums), partFactor);
    vector::StoreOp::create(b, sum, sums, at);
    mergeRows(outputs, partOutputs, valueDim);
    if (buckets)
      mergeRows(bucketScratch, partBuckets, buckets);
  });
}

void AttentionKernel::finish(const Panel &panel) {
  Vectors sum = load(sums, {panel.index});
  if (head.lse)
    storeLse(panel, sum);
  Vectors reciprocal = eachVector([&](int64_t v) { return emitReciprocal(b, sum[v]); });
  store(reciprocal, sums, {panel.index});
  storeTransposed(outputs, panel.index, b.index(0), valueDim, head.output, panel, b.index(0), sums);
  if (buckets)
    finishBuckets(panel, reciprocal);
}

void AttentionKernel::storeLse(const Panel &panel, const Vectors &sum) {
  // The scores of the last block are no longer needed: their place holds the row of results.
  Vectors maximum = load(maxima, {panel.index});
  Vectors lse = eachVector([&](int64_t v) { return emitLogSumExp(b, op, maximum[v], sum[v]); });
  Value first = b.index(0);
  store(lse, scores, {first});
  Type element = cast<MemRefType>(head.lse.getType()).getElementType();
  b.loop(first, panel.count, 1, [&](Value lane) {
    Value value = memref::LoadOp::create(b, scores, ValueRange{first, lane});
    memref::StoreOp::create(b, b.convertFloat(value, element), head.lse, b.add(panel.row, lane));
  });
}
