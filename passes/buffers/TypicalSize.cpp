#include "passes/buffers/TypicalSize.h"
#include "dialect/AttnOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace fovea;

// A prompt's length. Few workers: scratch for each is small beside what all compute.
static constexpr int64_t typicalDim = 512, typicalWorkers = 4;

static IntegerAttr leaf(Value size) {
  int64_t value = size.getDefiningOp<attn::WorkersOp>() ? typicalWorkers : typicalDim;
  return IntegerAttr::get(IndexType::get(size.getContext()), value);
}

Attribute TypicalSize::fold(Value size) {
  if (Attribute attribute = known.lookup(size))
    return attribute;
  Attribute folded = leaf(size);
  Operation *op = size.getDefiningOp();
  if (op && op->getNumResults() == 1 && op->getNumRegions() == 0 && isPure(op) &&
      llvm::all_of(op->getOperandTypes(), [](Type type) { return type.isIntOrIndex(); })) {
    SmallVector<Attribute> operands;
    for (Value operand : op->getOperands())
      operands.push_back(fold(operand));
    SmallVector<OpFoldResult> results;
    if (succeeded(op->fold(operands, results)) && results.size() == 1) {
      auto value = dyn_cast<Value>(results.front());
      folded = value ? fold(value) : cast<Attribute>(results.front());
    }
  }
  known[size] = folded;
  return folded;
}

int64_t TypicalSize::of(Value size) {
  auto attribute = dyn_cast<IntegerAttr>(fold(size));
  return attribute ? attribute.getValue().getSExtValue() : typicalDim;
}
