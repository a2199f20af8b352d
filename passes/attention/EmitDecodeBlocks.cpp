// Which blocks of keys the rows of a group see, as a whole, in part or not at all.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/attention/EmitDecodeKernel.h"

using namespace mlir;
using namespace fovea;

bool DecodeKernel::maskDependsOnHead() { return !op.getMask().getArgument(1).use_empty(); }

/// What some and what all rows of a group see. The heads of a group may see different keys.
MaskBounds DecodeKernel::visibleBounds() {
  if (!mask)
    return unmaskedBounds(b, keys);
  if (op.getFill()) // which may give any key a weight
    return {b.index(0), b.index(0), b.index(0), keys};
  Value last = b.sub(b.add(firstPosition, queries), b.index(1));
  auto ofHead = [&](Value head) { return mask->emit(b, batch, head, firstPosition, last, keys); };
  if (!maskDependsOnHead())
    return ofHead(firstHead);
  Value inits[] = {keys, b.index(0), keys, b.index(0)};
  SmallVector<Value> all = foldHeads(inits, [&](Value head, ValueRange before) {
    MaskBounds next = ofHead(head);
    auto larger = [&](Value x, Value y) { return b.createOrFold<arith::MaxSIOp>(x, y); };
    return SmallVector<Value>{b.min(before[0], next.anyLo), larger(before[1], next.allLo),
                              b.min(before[2], next.allHi), larger(before[3], next.anyHi)};
  });
  return {all[0], all[1], all[2], all[3]};
}

SmallVector<Value> DecodeKernel::foldHeads(ValueRange inits, EmitBuilder::LoopBody body) {
  return b.loop(b.index(0), b.index(group), 1, inits, [&](Value number, ValueRange carried) {
    return body(b.add(firstHead, number), carried);
  });
}

/// Whether blocks are tested for a key that a row sees.
bool DecodeKernel::skipsBlocks() { return mask && mask->getBlocks().hasGaps() && !op.getFill(); }

DecodeKernel::Block DecodeKernel::blockAt(Value begin, const MaskBounds &visible) {
  // Keys past the last one that a row sees are left out: most of the cache of a short sequence.
  Value end = b.min(b.add(begin, b.index(tile.keysPerBlock)), visible.anyHi);
  auto isAtMost = [&](Value x, Value y) {
    return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, x, y);
  };
  Block block;
  block.begin = begin;
  block.count = b.sub(end, begin);
  block.isFull =
      b.createOrFold<arith::AndIOp>(isAtMost(visible.allLo, begin), isAtMost(end, visible.allHi));
  return block;
}

/// Whether a test holds for some or for all heads of the group.
template <typename Combine>
Value DecodeKernel::ofHeads(function_ref<Value(Value head)> test) {
  if (!maskDependsOnHead())
    return test(firstHead);
  Value neutral = b.constant(b.getI1Type(), std::is_same_v<Combine, arith::AndIOp> ? 1 : 0);
  return foldHeads(neutral, [&](Value head, ValueRange before) {
    return SmallVector<Value>{b.createOrFold<Combine>(before[0], test(head))};
  })[0];
}

/// Skips a block of which no row sees a key, and finds whether all rows see all of it.
void DecodeKernel::whereVisible(const Block &begun) {
  if (!skipsBlocks())
    return emitBlock(begun);
  Block block = begun;
  Value last = b.sub(b.add(firstPosition, queries), b.index(1));
  Value lastKey = b.sub(b.add(block.begin, block.count), b.index(1));
  auto rowsOf = [&](Value head) {
    return EmittedBlock{batch, head, firstPosition, last, block.begin, lastKey};
  };
  auto attend = [&] {
    Value every =
        ofHeads<arith::AndIOp>([&](Value head) { return mask->emitEvery(b, rowsOf(head)); });
    block.isFull = b.createOrFold<arith::OrIOp>(block.isFull, every);
    emitBlock(block);
  };
  Value some = ofHeads<arith::OrIOp>([&](Value head) { return mask->emitSome(b, rowsOf(head)); });
  b.branch(some, attend, [] {});
}
