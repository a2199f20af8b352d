#include "passes/entry/FoldDescriptors.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace fovea;

static void foldFields(Operation *root) {
  root->walk([](LLVM::ExtractValueOp field) {
    SmallVector<OpFoldResult, 1> folded;
    if (failed(field->fold(folded)) || folded.empty())
      return;
    if (auto value = dyn_cast<Value>(folded.front())) {
      field.replaceAllUsesWith(value);
      field.erase();
    }
  });
}

/// A struct is made field by field, so that its last one keeps the others alive.
static void eraseUnused(Operation *root) {
  SmallVector<Operation *> makers;
  root->walk([&](Operation *op) {
    if (isa<LLVM::InsertValueOp, LLVM::PoisonOp, LLVM::UndefOp>(op))
      makers.push_back(op);
  });
  for (Operation *maker : llvm::reverse(makers))
    if (maker->use_empty())
      maker->erase();
}

namespace {
struct FoldDescriptors : PassWrapper<FoldDescriptors, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FoldDescriptors)
  StringRef getName() const override { return "FoldDescriptors"; }
  void runOnOperation() override {
    foldFields(getOperation());
    eraseUnused(getOperation());
  }
};
} // namespace

std::unique_ptr<Pass> fovea::createFoldDescriptorsPass() {
  return std::make_unique<FoldDescriptors>();
}
