// From packed queries and keys to scores, transposed: a row of scores^T holds one key.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/attention/EmitAttentionKernel.h"
#include "passes/attention/SoftmaxMath.h"
#include "passes/mask/MaskTests.h"

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
