#include "passes/attention/MaskBounds.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/attention/MaskSummary.h"

using namespace mlir;
using namespace fovea;

static bool isBoundedBelow(const MaskPredicate &predicate, Region &region) {
  auto isBounded = [&](const MaskPredicate &operand) { return isBoundedBelow(operand, region); };
  switch (predicate.getKind()) {
  case MaskPredicate::Kind::And:
    return llvm::any_of(predicate.getOperands(), isBounded);
  case MaskPredicate::Kind::Or:
    return llvm::all_of(predicate.getOperands(), isBounded);
  case MaskPredicate::Kind::Linear: {
    Block &block = region.front();
    auto atom =
        splitPositions(predicate.getForm(), block.getArgument(2), block.getArgument(3), region);
    return atom && atom->jCoefficient > 0 && atom->iCoefficient < 0;
  }
  default:
    return false;
  }
}

bool fovea::isWindowed(attn::AttentionOp op) {
  return op.hasMask() && isBoundedBelow(analyzeMaskRegion(op.getMask()), op.getMask());
}

MaskBoundsEmitter::MaskBoundsEmitter(Region &region, const MaskSummary *summary)
    : summary(summary),
      blocks(region, [&](const MaskBlocks::Data &data) { return summary && summary->has(data); }) {}

MaskBounds fovea::unmaskedBounds(EmitBuilder &b, Value keys) {
  return {b.index(0), b.index(0), keys, keys};
}

MaskBounds MaskBoundsEmitter::emit(EmitBuilder &b, Value batch, Value head, Value first, Value last,
                                   Value keys) const {
  IRMapping mapping = mapBlock(b, {batch, head, first, last, Value(), Value()});
  PredicateEmitter forms(b, b.getLoc(), blocks.getRegion(), mapping);
  KeyInterval::Emitted seen = blocks.getSeen().emit(b, forms, keys);
  KeyInterval::Emitted shared = blocks.getShared().emit(b, forms, keys);
  // low <= high; where the value is one of them, no code is wanted.
  auto clamp = [&](Value value, Value low, Value high) {
    if (isEqualConstantIntOrValue(value, low))
      return low;
    if (isEqualConstantIntOrValue(value, high))
      return high;
    return b.min(b.createOrFold<arith::MaxSIOp>(value, low), high);
  };
  MaskBounds bounds;
  bounds.anyLo = clamp(seen.lo, b.index(0), keys);
  bounds.anyHi = clamp(seen.hi, bounds.anyLo, keys);
  bounds.allLo = clamp(shared.lo, bounds.anyLo, bounds.anyHi);
  bounds.allHi = clamp(shared.hi, bounds.allLo, bounds.anyHi);
  return bounds;
}

/// What the block's corners and the bounds of data in it are. Without keys, data of keys stays out.
IRMapping MaskBoundsEmitter::mapBlock(EmitBuilder &b, const EmittedBlock &block) const {
  std::pair<Value, Value> corners[] = {{blocks.getRegion().getArgument(0), block.batch},
                                       {blocks.getRegion().getArgument(1), block.head},
                                       {blocks.firstQuery(), block.firstQuery},
                                       {blocks.lastQuery(), block.lastQuery},
                                       {blocks.firstKey(), block.firstKey},
                                       {blocks.lastKey(), block.lastKey}};
  IRMapping mapping;
  for (auto [corner, value] : corners)
    if (value)
      mapping.map(corner, value);
  for (const MaskBlocks::Data &data : blocks.getData())
    if (data.min && (block.firstKey || !data.ofKey)) {
      auto [min, max] = summary->emitBounds(b, data, block);
      mapping.map(data.min, min);
      mapping.map(data.max, max);
    }
  return mapping;
}

Value MaskBoundsEmitter::emitTest(EmitBuilder &b, const EmittedBlock &block,
                                  const MaskPredicate &test) const {
  IRMapping mapping = mapBlock(b, block);
  return PredicateEmitter(b, b.getLoc(), blocks.getRegion(), mapping).emit(test);
}

Value MaskBoundsEmitter::emitSome(EmitBuilder &b, const EmittedBlock &block) const {
  return emitTest(b, block, blocks.getSome());
}

Value MaskBoundsEmitter::emitEvery(EmitBuilder &b, const EmittedBlock &block) const {
  return emitTest(b, block, blocks.getEvery());
}
