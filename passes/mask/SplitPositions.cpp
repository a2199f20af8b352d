#include "mlir/Transforms/RegionUtils.h"
#include "passes/mask/MaskPredicate.h"

using namespace mlir;
using namespace fovea;

bool fovea::dependsOn(Value value, ArrayRef<Value> indices, Region &region) {
  llvm::SetVector<Value> reached;
  reached.insert(value);
  for (size_t i = 0; i < reached.size(); ++i) {
    if (llvm::is_contained(indices, reached[i]))
      return true;
    Operation *op = reached[i].getDefiningOp();
    if (!op || !region.isAncestor(op->getParentRegion()))
      continue;
    reached.insert(op->operand_begin(), op->operand_end());
    getUsedValuesDefinedAbove(op->getRegions(), reached);
  }
  return false;
}

bool fovea::dependsOn(const LinearForm &form, ArrayRef<Value> indices, Region &region) {
  SmallVector<Value> values;
  form.collectValues(values);
  return llvm::any_of(values, [&](Value v) { return dependsOn(v, indices, region); });
}

std::optional<PositionForm> fovea::splitPositions(const LinearForm &form, Value i, Value j,
                                                  Region &region) {
  PositionForm split{form.getCoefficient(i), form.getCoefficient(j), form.without(i).without(j)};
  if (!split.rest.isValid() || dependsOn(split.rest, {i, j}, region))
    return std::nullopt;
  return split;
}
