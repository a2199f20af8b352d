// Which vectors of a panel take part: those that have queries, and of a window at each key those
// whose queries see it.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/attention/EmitAttentionKernel.h"

using namespace mlir;
using namespace fovea;

// Of a window the first vector's queries see the first keys alone and the last vector's the last.
bool AttentionKernel::hasOwnSpans() {
  return tile.vectors > 1 && isWindowed(op) && findsMaximaEarly() && !hasGaps() && !op.getFill() &&
         !needsWeights() && !buckets;
}

/// How many vectors of a panel may have queries, in rising order; the last one is all of them.
static SmallVector<int64_t> possibleWidths(const AttentionTile &tile, Value rows) {
  std::optional<int64_t> known = getConstantIntValue(rows);
  if (!known)
    return llvm::to_vector(llvm::seq<int64_t>(1, tile.vectors + 1));
  int64_t last = llvm::divideCeil(*known % tile.width(), tile.lanes);
  if (last == 0 || last == tile.vectors)
    return {tile.vectors};
  return {last, tile.vectors};
}

// What the lanes of the other vectors hold is used for nothing but to see whether a fill has
// weight.
void AttentionKernel::forEachWidth(const Panel &panel, function_ref<void()> body) {
  if (isWindowed(op) || op.getFill())
    return body();
  auto emit = [&](ArrayRef<int64_t> widths, auto &emit) -> void {
    usedVectors = widths.front();
    if (widths.size() == 1)
      return body();
    Value fits = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, panel.count,
                                               b.index(usedVectors * tile.lanes));
    b.branch(fits, body, [&] { emit(widths.drop_front(), emit); });
  };
  emit(possibleWidths(tile, rows), emit);
}

void AttentionKernel::findSpans(const Panel &panel, const KeyBlock &block) {
  vectorSpans.clear();
  if (!hasOwnSpans())
    return;
  for (int64_t v = 0; v < tile.vectors; ++v) {
    auto upTo = [&](int64_t row) { return b.min(b.add(panel.first, b.index(row)), panel.last); };
    MaskBounds own = clip(boundsOf(upTo(v * tile.lanes), upTo((v + 1) * tile.lanes - 1)), block);
    vectorSpans.push_back({own.anyLo, own.anyHi});
  }
  for (int64_t v = 1; v < tile.vectors; ++v)
    vectorSpans[v].hi = b.createOrFold<arith::MaxSIOp>(vectorSpans[v].hi, vectorSpans[v - 1].hi);
  Value firstEnd = vectorSpans.front().hi;
  for (int64_t v = 1; v < tile.vectors; ++v) // what lies between two windows is met and masked
    vectorSpans[v].lo = b.min(vectorSpans[v].lo, firstEnd);
  for (int64_t v = tile.vectors - 2; v >= 0; --v)
    vectorSpans[v].lo = b.min(vectorSpans[v].lo, vectorSpans[v + 1].lo);
}

/// Keys that more and more vectors see, then those that all meet, then those that fewer and fewer
/// see.
SmallVector<AttentionKernel::VectorSpan> AttentionKernel::spansOf(const MaskBounds &visible) {
  if (vectorSpans.empty())
    return {{{visible.anyLo, visible.anyHi}, 0, usedVectors}};
  SmallVector<VectorSpan> spans;
  for (int64_t v = 1; v < tile.vectors; ++v)
    spans.push_back({{vectorSpans[v - 1].lo, vectorSpans[v].lo}, 0, v});
  spans.push_back({{vectorSpans.back().lo, vectorSpans.front().hi}, 0, tile.vectors});
  for (int64_t v = 1; v < tile.vectors; ++v)
    spans.push_back({{vectorSpans[v - 1].hi, vectorSpans[v].hi}, v, tile.vectors - v});
  return spans;
}
