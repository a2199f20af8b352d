#include "passes/vector/StateAlignment.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace fovea;

/// In bytes; 0 where the conversion has to find it.
static int64_t alignmentOf(MemRefType type) {
  Type element = type.getElementType();
  int64_t bits = element.isIntOrFloat() ? element.getIntOrFloatBitWidth() : 0;
  return bits == 8 || bits == 16 || bits == 32 || bits == 64 ? bits / 8 : 0;
}

template <typename OpTy>
static void stateAlignment(OpTy op) {
  int64_t bytes = alignmentOf(op.getMemRefType());
  if (!op.getAlignment() && bytes)
    op.setAlignment(bytes);
}

namespace {
struct StateAlignment : PassWrapper<StateAlignment, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(StateAlignment)
  StringRef getName() const override { return "StateAlignment"; }
  void runOnOperation() override {
    getOperation()->walk([](Operation *op) {
      if (auto load = dyn_cast<vector::LoadOp>(op))
        stateAlignment(load);
      else if (auto store = dyn_cast<vector::StoreOp>(op))
        stateAlignment(store);
    });
  }
};
} // namespace

std::unique_ptr<Pass> fovea::createStateAlignmentPass() {
  return std::make_unique<StateAlignment>();
}
