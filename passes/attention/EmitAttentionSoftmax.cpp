// From scores to probabilities, and what dropout leaves of them.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/attention/EmitAttentionKernel.h"
#include "passes/attention/SoftmaxMath.h"
#include "passes/vector/EmitPhilox.h"
#include "passes/vector/Exp2Polynomial.h"
#include "passes/vector/LaneLoads.h"

using namespace mlir;
using namespace fovea;

AttentionKernel::Vectors AttentionKernel::finiteMaximum(const Vectors &maximum) {
  return eachVector([&](int64_t v) { return emitFiniteMaximum(b, maximum[v]); });
}

Value AttentionKernel::probability(Value score, Value maximum) {
  return emitExp2(b, arith::SubFOp::create(b, score, maximum), tile.fusedMultiplyAdd,
                  tile.multiplyByPower);
}

AttentionKernel::Vectors AttentionKernel::probabilities(const Vectors &score,
                                                        const Vectors &maximum) {
  return eachVector([&](int64_t v) -> Value { return probability(score[v], maximum[v]); });
}

AttentionKernel::Vectors AttentionKernel::multiply(const Vectors &lhs, const Vectors &rhs) {
  return eachVector([&](int64_t v) -> Value { return arith::MulFOp::create(b, lhs[v], rhs[v]); });
}

/// Brings the panel's sums and outputs to a new maximum, if it has grown in any row. 2^0 is
/// exactly 1, so rows in which it has not are not changed.
void AttentionKernel::rescale(const Panel &panel, const Vectors &before, const Vectors &after,
                              const Vectors &finite) {
  Value grew;
  for (auto [old, next] : llvm::zip(before, after)) {
    Value inVector = compare(arith::CmpFPredicate::OGT, next, old);
    grew = grew ? arith::OrIOp::create(b, grew, inVector).getResult() : inVector;
  }
  Value any = vector::ReductionOp::create(b, vector::CombiningKind::OR, grew);
  auto branch = scf::IfOp::create(b, any);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  store(after, maxima, {panel.index});
  Vectors factor = probabilities(before, finite);
  store(multiply(load(sums, {panel.index}), factor), sums, {panel.index});
  if (startsOutputs)
    b.branch(
        startsOutputs, [] {}, [&] { scaleRows(panel, outputs, valueDim, factor); });
  else
    scaleRows(panel, outputs, valueDim, factor);
  if (buckets)
    scaleRows(panel, bucketScratch, buckets, factor);
}

void AttentionKernel::emitSoftmax(const Panel &panel, const KeyBlock &block,
                                  const MaskBounds &visible) {
  Vectors before = load(maxima, {panel.index});
  Vectors after = finishScores(panel, block, visible, before);
  Vectors finite = finiteMaximum(after);
  rescale(panel, before, after, finite);
  Vectors sum = load(sums, {panel.index});
  // The constants of 2^x take ten registers: of 16 they leave enough for one vector.
  bool isRoomy = tile.registers >= 32 && !op.getSeed() && vectorSpans.empty();
  int64_t together = isRoomy ? tile.vectors : 1;
  for (int64_t first = 0; first < tile.vectors; first += together) {
    ArrayRef<Value> before = ArrayRef(sum).slice(first, together);
    KeySpan own{visible.anyLo, visible.anyHi};
    if (!vectorSpans.empty())
      own = vectorSpans[first];
    Vectors next = b.loop(own.lo, own.hi, 1, before, [&](Value key, ValueRange carried) {
      Vectors added;
      if (first == 0)
        fetchFirstValues(key);
      for (int64_t v = first; v < first + together; ++v) {
        Value at[] = {key, b.index(v * tile.lanes)};
        Value score = vector::LoadOp::create(b, vectorType, scores, at);
        Value p = probability(score, finite[v]);
        // The sum counts dropped keys too.
        Value kept = op.getSeed() ? drop(p, panel.counters[v], b.add(block.begin, key)) : p;
        vector::StoreOp::create(b, kept, scores, at);
        added.push_back(arith::AddFOp::create(b, carried[v - first], p));
      }
      return added;
    });
    llvm::copy(next, sum.begin() + first);
  }
  store(sum, sums, {panel.index});
  if (keepsProbabilities())
    storeUnscaled(panel, block, visible, finite);
}

//===----------------------------------------------------------------------===//
// Dropout
//===----------------------------------------------------------------------===//

AttentionKernel::Vectors AttentionKernel::emitCounters(const Panel &panel) {
  Value origin, batchStride, headStride;
  if (op.getDropoutCounter().empty()) {
    origin = b.index(0);
    headStride = b.mul(rows, keys);
    batchStride = b.mul(b.dim(op.getQuery(), op.getQueryPermutation()[1]), headStride);
  } else {
    origin = op.getDropoutCounter()[0];
    batchStride = op.getDropoutCounter()[1];
    headStride = op.getDropoutCounter()[2];
  }
  origin = b.add(origin, b.mul(head.batch, batchStride));
  origin = b.add(origin, b.mul(head.head, headStride));
  origin = b.add(origin, b.mul(panel.row, keys));
  auto indices = VectorType::get({tile.lanes}, b.getIndexType());
  return eachVector([&](int64_t v) -> Value {
    Value first = b.add(origin, b.mul(b.index(v * tile.lanes), keys));
    Value steps = arith::MulIOp::create(b, emitSteps(b, indices), b.splat(indices, keys));
    Value counter = arith::AddIOp::create(b, steps, b.splat(indices, first));
    return arith::IndexCastOp::create(b, indices.clone(b.getI64Type()), counter);
  });
}

Value AttentionKernel::drop(Value p, Value counters, Value position) {
  double rate = op.getDropout()->convertToDouble();
  Location loc = b.getLoc();
  Value offset = arith::IndexCastOp::create(b, b.getI64Type(), position);
  Value counter = arith::AddIOp::create(b, counters, b.splat(counters.getType(), offset));
  Value word = emitPhiloxWord(b, loc, emitPhiloxKey(b, loc, op.getSeed()), counter);
  Value scaled = arith::MulFOp::create(b, p, b.constant(vectorType, 1.0 / (1.0 - rate)));
  return select(emitIsKept(b, loc, word, rate), scaled, b.constant(vectorType, 0.0));
}
