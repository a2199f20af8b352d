// The output's part of a key block: output^T += values^T . probabilities^T.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/EmitAttentionKernel.h"

using namespace mlir;
using namespace fovea;

void AttentionKernel::emitValueTile(const Panel &panel, const KeyBlock &block, Value lo, Value hi,
                                    Value column, int64_t columns) {
  Vectors sum;
  for (int64_t t = 0; t < columns; ++t)
    llvm::append_range(sum, load(outputs, {panel.index, b.add(column, b.index(t))}));
  sum = b.loop(lo, hi, 1, sum, [&](Value key, ValueRange carried) {
    Vectors p = load(scores, {key});
    Vectors next;
    for (int64_t t = 0; t < columns; ++t) {
      Value element = valueElement(block, key, b.add(column, b.index(t)));
      Value splat = b.splat(vectorType, element);
      for (int64_t v = 0; v < tile.vectors; ++v)
        next.push_back(multiplyAdd(p[v], splat, carried[next.size()]));
    }
    return next;
  });
  for (int64_t t = 0; t < columns; ++t) {
    ArrayRef<Value> row = ArrayRef(sum).slice(t * tile.vectors, tile.vectors);
    store(Vectors(row), outputs, {panel.index, b.add(column, b.index(t))});
  }
}

/// Rows for which the key at `position` is not masked, be it by a score of -inf. `p` are the
/// probabilities; an unmasked one that is 0 has underflowed, which counts as masked only if a
/// score function makes it impossible to tell.
AttentionKernel::Vectors AttentionKernel::emitTakesPart(const Panel &panel, Value position,
                                                        const Vectors &p) {
  Vectors allowed = mask ? emitMask(panel, position) : Vectors();
  if (!op.hasScore())
    return allowed;
  return eachVector([&](int64_t v) -> Value {
    Value nonzero = compare(arith::CmpFPredicate::UNE, p[v], b.constant(vectorType, 0.0));
    return mask ? arith::AndIOp::create(b, allowed[v], nonzero).getResult() : nonzero;
  });
}

/// One key at a time, leaving rows alone for which the key is masked: 0 * NaN would reach them.
void AttentionKernel::emitMaskedValues(const Panel &panel, const KeyBlock &block, Value lo,
                                       Value hi) {
  b.loop(lo, hi, 1, [&](Value key) {
    Vectors p = load(scores, {key});
    Vectors takesPart = emitTakesPart(panel, b.add(block.begin, key), p);
    b.loop(b.index(0), valueDim, 1, [&](Value column) {
      Value splat = b.splat(vectorType, valueElement(block, key, column));
      Vectors sum = load(outputs, {panel.index, column});
      sum = eachVector([&](int64_t v) -> Value {
        Value next = multiplyAdd(p[v], splat, sum[v]);
        return select(takesPart[v], next, sum[v]);
      });
      store(sum, outputs, {panel.index, column});
    });
  });
}

void AttentionKernel::emitValueTiles(const Panel &panel, const KeyBlock &block, Value lo,
                                     Value hi) {
  int64_t columns = tile.keysPerTile;
  Value whole = b.roundDown(valueDim, columns);
  b.loop(b.index(0), whole, columns,
         [&](Value column) { emitValueTile(panel, block, lo, hi, column, columns); });
  if (std::optional<int64_t> known = getConstantIntValue(valueDim)) {
    if (int64_t rest = *known % columns)
      emitValueTile(panel, block, lo, hi, whole, rest);
    return;
  }
  b.loop(whole, valueDim, 1, [&](Value column) { emitValueTile(panel, block, lo, hi, column, 1); });
}

void AttentionKernel::emitValues(const Panel &panel, const KeyBlock &block,
                                 const MaskBounds &visible) {
  Value finite = block.valuesAreFinite;
  if (!finite)
    return emitValueTiles(panel, block, visible.anyLo, visible.anyHi);
  // Keys [lo, hi) may go through the register tiles in any case: no row has them masked. With a
  // score function there are none such.
  Value lo = op.hasScore() ? visible.anyHi : visible.allLo;
  Value hi = op.hasScore() ? visible.anyHi : visible.allHi;
  auto unlessFinite = [&](Value from, Value to) {
    if (isEqualConstantIntOrValue(from, to))
      return;
    auto branch = scf::IfOp::create(b, finite, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.elseBlock());
    emitMaskedValues(panel, block, from, to);
  };
  // Keys are added in ascending order either way, so that what lies behind a mask has no
  // influence on rounding.
  unlessFinite(visible.anyLo, lo);
  emitValueTiles(panel, block, select(finite, visible.anyLo, lo),
                 select(finite, visible.anyHi, hi));
  unlessFinite(hi, visible.anyHi);
}
