#include "passes/contraction/SharedRows.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/buffers/BufferWrites.h"

using namespace mlir;
using namespace fovea;

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
