#include "passes/contraction/SharedRows.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace fovea;

Value fovea::baseOf(Value memref) {
  while (auto view = memref.getDefiningOp<ViewLikeOpInterface>())
    memref = view.getViewSource();
  return memref;
}

bool fovea::mayWriteTo(Operation *op, Value memref) {
  Value base = baseOf(memref);
  return op
      ->walk([&](MemoryEffectOpInterface inner) {
        SmallVector<MemoryEffects::EffectInstance> effects;
        inner.getEffects(effects);
        for (const MemoryEffects::EffectInstance &effect : effects)
          if (isa<MemoryEffects::Write>(effect.getEffect()) &&
              (!effect.getValue() || baseOf(effect.getValue()) == base))
            return WalkResult::interrupt();
        return WalkResult::advance();
      })
      .wasInterrupted();
}

bool RowsKey::operator==(const RowsKey &other) const {
  return source == other.source && rowDim == other.rowDim && kDim == other.kDim &&
         isEqualConstantIntOrValue(k, other.k) && accumulator == other.accumulator &&
         quantizedGroups == other.quantizedGroups && format == other.format;
}

static bool isUnchanged(Value source, Operation *since, Operation *until) {
  for (Operation *op = since->getNextNode(); op != until; op = op->getNextNode())
    if (mayWriteTo(op, source))
      return false;
  return true;
}

const PackedFactor *SharedRows::find(const RowsKey &key, Operation *reader) const {
  for (const Entry &entry : entries)
    if (entry.key == key && entry.packing->getBlock() == reader->getBlock() &&
        entry.packing->isBeforeInBlock(reader) && isUnchanged(key.source, entry.packing, reader))
      return &entry.packed;
  return nullptr;
}
