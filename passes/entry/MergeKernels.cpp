// Runs one kernel where several do the same: the layers of a model repeat shapes, and its entries
// repeat layers. Nothing is proved: two kernels are equal if they are so op for op. Assumes that
// the passes before have brought equal code into equal form.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OperationSupport.h"
#include "passes/Passes.h"
#include "llvm/ADT/DenseMap.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_MERGEKERNELSPASS
#include "passes/Passes.h.inc"

/// Equal for equal kernels; places and names of values do not count.
static llvm::hash_code hashOf(func::FuncOp kernel) {
  llvm::hash_code hash = hash_value(kernel.getFunctionType());
  kernel.getBody().walk<WalkOrder::PreOrder>(
      [&](Operation *op) { hash = llvm::hash_combine(hash, op->getName(), op->getNumOperands()); });
  return hash;
}

static bool areEqual(func::FuncOp lhs, func::FuncOp rhs) {
  return lhs.getFunctionType() == rhs.getFunctionType() &&
         OperationEquivalence::isRegionEquivalentTo(&lhs.getBody(), &rhs.getBody(),
                                                    OperationEquivalence::IgnoreLocations);
}

namespace {
struct MergeKernelsPass : impl::MergeKernelsPassBase<MergeKernelsPass> {
  using Base::Base;
  void runOnOperation() override {
    llvm::DenseMap<llvm::hash_code, SmallVector<func::FuncOp>> kept;
    llvm::DenseMap<StringAttr, StringAttr> standIns;
    for (auto kernel : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      if (!kernel->hasAttr("attn.kernel"))
        continue;
      SmallVector<func::FuncOp> &candidates = kept[hashOf(kernel)];
      auto *equal = llvm::find_if(
          candidates, [&](func::FuncOp candidate) { return areEqual(candidate, kernel); });
      if (equal == candidates.end()) {
        candidates.push_back(kernel);
        continue;
      }
      standIns[kernel.getSymNameAttr()] = equal->getSymNameAttr();
      kernel.erase();
    }
    getOperation().walk([&](attn::LaunchOp launch) {
      if (StringAttr name = standIns.lookup(launch.getKernelAttr().getAttr()))
        launch.setKernelAttr(FlatSymbolRefAttr::get(name));
    });
  }
};
} // namespace
} // namespace fovea
