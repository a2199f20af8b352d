// From packed queries and keys to probabilities, all transposed: a row of scores^T holds one key.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/attention/EmitAttentionKernel.h"
#include "passes/attention/SoftmaxMath.h"
#include "passes/mask/MaskTests.h"
#include "passes/vector/EmitPhilox.h"
#include "passes/vector/Exp2Polynomial.h"
#include "passes/vector/LaneLoads.h"

using namespace mlir;
using namespace fovea;

bool AttentionKernel::masksTiles() {
  return mask && !op.hasScore() &&
         MaskTests::areCheap(mask->getPredicate(), op.getMask(), tile.keysPerBlock);
}

void AttentionKernel::emitScores(const Panel &panel, const KeyBlock &block,
                                 const MaskBounds &visible) {
  std::optional<KeyMask> test;
  if (masksTiles())
    test = maskOf(panel, block, visible.anyLo, visible.anyHi);
  if (findsMaximaEarly())
    store(load(maxima, {panel.index}), newMaxima, {});
  forEachWidth(panel, [&] { emitScoreTiles(panel, visible, test ? &*test : nullptr); });
  if (test && vectorSpans.empty())
    hideEdges(visible, *test);
}

void AttentionKernel::emitScoreTiles(const Panel &panel, const MaskBounds &visible,
                                     const KeyMask *test) {
  int64_t count = tile.keysPerTile;
  // A tile at the edge of a span belongs to the span of more vectors.
  for (const VectorSpan &span : spansOf(visible)) {
    bool isHead = !vectorSpans.empty() && span.first == 0 && span.count < tile.vectors;
    Value first = span.first ? b.roundUp(span.lo, count) : b.roundDown(span.lo, count);
    Value end = isHead ? b.roundDown(span.hi, count) : span.hi;
    b.loop(first, end, count, [&](Value key) { emitScoreTile(panel, key, span, visible, test); });
  }
}

void AttentionKernel::emitScoreTile(const Panel &panel, Value key, const VectorSpan &span,
                                    const MaskBounds &visible, const KeyMask *test) {
  int64_t count = tile.keysPerTile;
  Vectors sum = multiplyTile(panel, key, span);
  for (int64_t t = 0; t < count; ++t)
    store(ArrayRef(sum).slice(t * span.count, span.count), scores, {b.add(key, b.index(t))},
          span.first);
  auto takeAll = [&] {
    if (findsMaximaEarly())
      raiseMaxima(sum, span);
  };
  if (!test)
    return takeAll();
  // A tile at the edge has keys that are no keys of the block. Without spans it is left to
  // hideEdges, whose code all widths share.
  auto hideSome = [&] {
    if (vectorSpans.empty())
      return;
    KeySpan seen{b.createOrFold<arith::MaxSIOp>(key, visible.anyLo),
                 b.min(b.add(key, b.index(count)), visible.anyHi)};
    hideKeys({seen, span.first, span.count}, *test);
  };
  if (span.count < usedVectors) // keys that are masked for the others
    return hideSome();
  Value begins = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sge, key, visible.allLo);
  Value ends = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, b.add(key, b.index(count)),
                                             visible.allHi);
  b.branch(b.createOrFold<arith::AndIOp>(begins, ends), takeAll, hideSome);
}

/// Whether the maxima of a block are known with its scores: nothing else changes these. Past the
/// last key an unmasked tile repeats it, which raises no maximum.
bool AttentionKernel::findsMaximaEarly() { return !op.hasScore() && (!mask || masksTiles()); }

/// Raises the block's maxima to those of the scores of some keys.
void AttentionKernel::raiseMaxima(ArrayRef<Value> keyScores, const VectorSpan &span) {
  Vectors maximum = load(newMaxima, {}, span);
  for (; !keyScores.empty(); keyScores = keyScores.drop_front(span.count))
    maximum = larger(maximum, keyScores.take_front(span.count));
  store(maximum, newMaxima, {}, span.first);
}

/// Masks the stored scores of the tiles that not all queries of the panel see, whatever its width.
void AttentionKernel::hideEdges(const MaskBounds &visible, const KeyMask &test) {
  int64_t count = tile.keysPerTile;
  Value firstEnd = visible.anyLo;
  if (!isConstantIntValue(visible.allLo, 0)) {
    firstEnd = b.min(b.roundUp(visible.allLo, count), visible.anyHi);
    hideKeys({{visible.anyLo, firstEnd}, 0, tile.vectors}, test);
  }
  Value begin = b.createOrFold<arith::MaxSIOp>(firstEnd, b.roundDown(visible.allHi, count));
  hideKeys({{begin, visible.anyHi}, 0, tile.vectors}, test);
}

/// Masks the stored scores of some keys, and raises the block's maxima to them.
void AttentionKernel::hideKeys(const VectorSpan &span, const KeyMask &test) {
  Vectors before = load(newMaxima, {}, span);
  Vectors maximum = b.loop(span.lo, span.hi, 1, before, [&](Value key, ValueRange carried) {
    Vectors allowed = test(key);
    Vectors row = hide(load(scores, {key}, span), ArrayRef(allowed).slice(span.first, span.count));
    store(row, scores, {key}, span.first);
    return larger(Vectors(carried), row);
  });
  store(maximum, newMaxima, {}, span.first);
}

/// The scores of a tile of keys, in registers.
AttentionKernel::Vectors AttentionKernel::multiplyTile(const Panel &panel, Value key,
                                                       const VectorSpan &span) {
  int64_t count = tile.keysPerTile;
  Value group = b.divide(key, count);
  // A view, so that one register holds the address of all columns.
  Value tileKeys = viewKeys(key);
  Vectors zeros = flat(0.0, count * span.count);
  auto multiply = [&](Value d, ValueRange carried) {
    Vectors query = load(packedQueries, {panel.index, d}, span);
    fetchNextKeys(tileKeys, d);
    Vectors next;
    for (int64_t t = 0; t < count; ++t) {
      Value splat = b.splat(vectorType, loadKey(tileKeys, d, t));
      for (Value vector : query)
        next.push_back(multiplyAdd(vector, splat, carried[next.size()]));
    }
    return next;
  };
  int64_t parts = fetchedParts();
  if (!parts)
    return b.loop(b.index(0), headDim, 1, zeros, multiply);
  // More requests at once than memory takes would hold up the multiply-adds.
  int64_t columns = *getConstantIntValue(headDim) / parts;
  return b.loop(b.index(0), headDim, columns, zeros, [&](Value d, ValueRange carried) {
    fetchFollowing(panel, group, b.divide(d, columns), parts);
    return b.loop(b.index(0), b.index(columns), 1, carried,
                  [&](Value i, ValueRange sums) { return multiply(b.add(d, i), sums); });
  });
}

//===----------------------------------------------------------------------===//
// Score function, mask and maximum
//===----------------------------------------------------------------------===//

AttentionKernel::ScoreFunction AttentionKernel::scoreOf(const Panel &panel, const KeyBlock &block,
                                                        const MaskBounds &visible) {
  if (!op.hasScore())
    return nullptr;
  LaneRegions regions = forQueries(op.getScore(), panel);
  transposeReads(op.getScore(), regions, block, visible.anyLo, visible.anyHi);
  return [this, regions, first = panel.first, &block](Value position, const Vectors &raw) {
    return eachVector([&](int64_t v) -> Value {
      Vectors given = {raw[v], position};
      llvm::append_range(given, transposedAt(op.getScore(), v, b.sub(position, block.begin)));
      llvm::append_range(given, byDistance(first, v, position));
      return emitExponent(b, op, (*regions)[v].emit(given));
    });
  };
}

AttentionKernel::KeyMask AttentionKernel::maskOf(const Panel &panel, const KeyBlock &block,
                                                 Value lo, Value hi) {
  if (!MaskTests::areCheap(mask->getPredicate(), op.getMask(), tile.keysPerBlock)) {
    LaneRegions regions = forQueries(op.getMask(), panel);
    transposeReads(op.getMask(), regions, block, lo, hi);
    return [this, regions, &block](Value key) {
      Value position = b.add(block.begin, key);
      return eachVector([&](int64_t v) {
        Vectors given = {position};
        llvm::append_range(given, transposedAt(op.getMask(), v, key));
        return (*regions)[v].emit(given);
      });
    };
  }
  auto tests =
      std::make_shared<MaskTests>(b, op.getMask(), mask->getPredicate(), head.batch, head.head,
                                  panel.positions, block.begin, block.end, tile.keysPerBlock);
  return [tests](Value key) { return tests->emit(key); };
}

AttentionKernel::Vectors AttentionKernel::hide(const Vectors &score, ArrayRef<Value> allowed) {
  Vectors hidden;
  for (auto [x, isAllowed] : llvm::zip_equal(score, allowed))
    hidden.push_back(select(isAllowed, x, b.constant(vectorType, maskedScore)));
  return hidden;
}

AttentionKernel::Vectors AttentionKernel::larger(ArrayRef<Value> known,
                                                 ArrayRef<Value> candidates) {
  Vectors result;
  for (auto [x, candidate] : llvm::zip_equal(known, candidates))
    result.push_back(emitLarger(b, x, candidate));
  return result;
}

AttentionKernel::Vectors AttentionKernel::rescore(const KeyBlock &block, Value lo, Value hi,
                                                  const ScoreFunction &function,
                                                  const KeyMask *test, Vectors maximum) {
  if (isEqualConstantIntOrValue(lo, hi))
    return maximum;
  return b.loop(lo, hi, 1, maximum, [&](Value key, ValueRange carried) {
    Vectors score = load(scores, {key});
    if (function)
      score = function(b.add(block.begin, key), score);
    if (test)
      score = hide(score, (*test)(key));
    if (test || function)
      store(score, scores, {key});
    return larger(Vectors(carried), score);
  });
}

AttentionKernel::Vectors AttentionKernel::finishScores(const Panel &panel, const KeyBlock &block,
                                                       const MaskBounds &visible, Vectors maximum) {
  if (findsMaximaEarly())
    return load(newMaxima, {});
  ScoreFunction score = scoreOf(panel, block, visible);
  std::optional<KeyMask> test;
  if (mask) { // a full block needs no test
    Value isLow =
        b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, visible.anyLo, visible.allLo);
    Value isHigh =
        b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, visible.anyHi, visible.allHi);
    Value isFull = b.createOrFold<arith::AndIOp>(isLow, isHigh);
    test = maskOf(panel, block, visible.anyLo,
                  b.createOrFold<arith::SelectOp>(isFull, visible.anyLo, visible.anyHi));
  }
  if (test)
    maximum = rescore(block, visible.anyLo, visible.allLo, score, &*test, maximum);
  maximum = rescore(block, visible.allLo, visible.allHi, score, /*test=*/nullptr, maximum);
  if (test)
    maximum = rescore(block, visible.allHi, visible.anyHi, score, &*test, maximum);
  return maximum;
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

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
