// The output's part of a key block: output^T += values^T . probabilities^T.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/attention/EmitAttentionKernel.h"

using namespace mlir;
using namespace fovea;

/// sum[column of the tile][vector] += p[key][vector] * value[key][column] over the keys of a span.
AttentionKernel::Vectors AttentionKernel::multiplyValues(const VectorSpan &span, Value column,
                                                         Vectors sum) {
  int64_t columns = tile.keysPerTile;
  auto place = [&](int64_t t, int64_t v) { return t * usedVectors + span.first + v; };
  Vectors before;
  for (int64_t t = 0; t < columns; ++t)
    llvm::append_range(before, ArrayRef(sum).slice(place(t, 0), span.count));
  // A view, so that one register holds the address of all columns.
  Value values = viewTile(column);
  Vectors after = b.loop(span.lo, span.hi, 1, before, [&](Value key, ValueRange carried) {
    Vectors p = load(scores, {key}, span);
    fetchNextValues(values, key);
    Vectors next;
    for (int64_t t = 0; t < columns; ++t) {
      Value element = memref::LoadOp::create(b, values, ValueRange{key, b.index(t)});
      Value splat = b.splat(vectorType, element);
      for (Value vector : p)
        next.push_back(multiplyAdd(vector, splat, carried[next.size()]));
    }
    return next;
  });
  for (int64_t t = 0; t < columns; ++t)
    llvm::copy(ArrayRef(after).slice(t * span.count, span.count), sum.begin() + place(t, 0));
  return sum;
}

// A block's keys are summed up by themselves and then added to the output: the first products
// need not wait for the output to arrive from the second-level cache.
void AttentionKernel::emitValueTile(const Panel &panel, const MaskBounds &visible, Value column) {
  Vectors sum = flat(0.0, tile.keysPerTile * usedVectors);
  for (const VectorSpan &span : spansOf(visible))
    sum = multiplyValues(span, column, sum);
  addToOutputs(panel, column, sum);
}

void AttentionKernel::addToOutputs(const Panel &panel, Value column, const Vectors &sum) {
  int64_t columns = sum.size() / usedVectors;
  // Of a window, registers hold the ends of spans: the address of a view is one too many.
  bool isViewed = !startsOutputs || !isWindowed(op);
  Value into = outputs;
  if (isViewed)
    into = tileOf(b, outputs, {panel.index, column, b.index(0)}, columns, tile.width());
  auto place = [&](int64_t t) -> Vectors {
    return isViewed ? Vectors{b.index(t)} : Vectors{panel.index, b.add(column, b.index(t))};
  };
  auto addTo = [&](function_ref<Vectors(ValueRange at)> before) {
    for (int64_t t = 0; t < columns; ++t) {
      Vectors at = place(t), output = before(at);
      for (auto [v, vector] : llvm::enumerate(output))
        vector = arith::AddFOp::create(b, vector, sum[t * usedVectors + v]);
      store(output, into, at);
    }
  };
  auto addToOld = [&] {
    addTo([&](ValueRange at) { return load(into, at, {{}, 0, usedVectors}); });
  };
  if (!startsOutputs)
    return addToOld();
  b.branch(
      startsOutputs, [&] { addTo([&](ValueRange) { return flat(0.0, usedVectors); }); }, addToOld);
}

/// Rows for which the block's key `key` is not masked, be it by a score of -inf, or has a weight
/// all the same, by its fill. `p` are the
/// probabilities; an unmasked one that is 0 has underflowed, which counts as masked only if a
/// score function makes it impossible to tell.
AttentionKernel::Vectors AttentionKernel::emitTakesPart(const std::optional<KeyMask> &test,
                                                        Value key, const Vectors &p) {
  Vectors allowed = test ? (*test)(key) : Vectors();
  if (!op.hasScore() && !op.getFill())
    return allowed;
  return eachVector([&](int64_t v) -> Value {
    Value nonzero = compare(arith::CmpFPredicate::UNE, p[v], b.constant(vectorType, 0.0));
    if (op.getFill())
      return op.hasScore() ? nonzero : arith::OrIOp::create(b, allowed[v], nonzero).getResult();
    return test ? arith::AndIOp::create(b, allowed[v], nonzero).getResult() : nonzero;
  });
}

/// Leaves rows alone for which a key is masked: 0 * NaN would reach them. Adds in the order of
/// emitValueTile, so that what lies behind a mask has no influence on rounding.
void AttentionKernel::emitMaskedValues(const Panel &panel, const KeyBlock &block,
                                       const MaskBounds &visible) {
  std::optional<KeyMask> test;
  if (mask)
    test = maskOf(panel, block, visible.anyLo, visible.anyHi);
  b.loop(b.index(0), valueDim, 1, [&](Value column) {
    Value place = b.createOrFold<arith::RemUIOp>(column, b.index(tile.keysPerTile));
    Value values = viewTile(b.sub(column, place));
    Vectors sum =
        b.loop(visible.anyLo, visible.anyHi, 1, constants(0.0), [&](Value key, ValueRange carried) {
          Vectors p = load(scores, {key});
          Vectors takesPart = emitTakesPart(test, key, p);
          Value element = memref::LoadOp::create(b, values, ValueRange{key, place});
          Value splat = b.splat(vectorType, element);
          return eachVector([&](int64_t v) -> Value {
            return select(takesPart[v], multiplyAdd(p[v], splat, carried[v]), carried[v]);
          });
        });
    addToOutputs(panel, column, sum);
  });
}

void AttentionKernel::emitValueTiles(const Panel &panel, const MaskBounds &visible) {
  forEachWidth(panel, [&] {
    b.loop(b.index(0), paddedValueDim, tile.keysPerTile,
           [&](Value column) { emitValueTile(panel, visible, column); });
  });
}

void AttentionKernel::emitValues(const Panel &panel, const KeyBlock &block,
                                 const MaskBounds &visible) {
  if (!block.valuesAreFinite)
    return emitValueTiles(panel, visible);
  b.branch(
      block.valuesAreFinite, [&] { emitValueTiles(panel, visible); },
      [&] { emitMaskedValues(panel, block, visible); });
}
