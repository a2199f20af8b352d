// Lets a part of a tensor that was taken out, updated and put back be read where it was put back.
// Reads of the updated part itself would keep bufferisation from updating in place: they come
// after the write that puts it back, which to the analysis overwrites it. A cache of all layers,
// of which each layer updates its own and then attends to it, is otherwise copied at every step.
#include "mlir/IR/Dominance.h"
#include "passes/Passes.h"
#include "passes/tensors/UpdateChain.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_READUPDATEDSLICESPASS
#include "passes/Passes.h.inc"

/// True if what is inserted was taken from the same place of the same tensor.
static bool putsBack(tensor::InsertSliceOp insert) {
  auto extract = originOf(insert.getSource()).getDefiningOp<tensor::ExtractSliceOp>();
  return extract && extract.getResult() != insert.getSource() &&
         extract.getSource() == insert.getDest() &&
         extract.getMixedOffsets() == insert.getMixedOffsets() &&
         extract.getMixedSizes() == insert.getMixedSizes() &&
         extract.getMixedStrides() == insert.getMixedStrides();
}

/// Moves the insertion to where its source is complete; false if something it needs, the tensor
/// to insert into above all, is not there yet.
static bool moveUp(tensor::InsertSliceOp insert, DominanceInfo &dominance) {
  Operation *source = insert.getSource().getDefiningOp();
  if (source->getBlock() != insert->getBlock())
    return false;
  Operation *place = source->getNextNode();
  if (place == insert.getOperation())
    return true;
  if (!llvm::all_of(insert->getOperands(),
                    [&](Value value) { return dominance.properlyDominates(value, place); }))
    return false;
  insert->moveBefore(place);
  return true;
}

namespace {
struct ReadUpdatedSlicesPass : impl::ReadUpdatedSlicesPassBase<ReadUpdatedSlicesPass> {
  using Base::Base;
  void runOnOperation() override {
    DominanceInfo dominance(getOperation());
    getOperation().walk([&](tensor::InsertSliceOp insert) {
      Value part = insert.getSource();
      if (part.hasOneUse() || !putsBack(insert) || !moveUp(insert, dominance))
        return;
      OpBuilder b(insert->getContext());
      b.setInsertionPointAfter(insert);
      Value back = tensor::ExtractSliceOp::create(b, insert.getLoc(), insert.getSourceType(),
                                                  insert.getResult(), insert.getMixedOffsets(),
                                                  insert.getMixedSizes(), insert.getMixedStrides());
      part.replaceUsesWithIf(back, [&](OpOperand &use) {
        return use.getOwner() != insert && dominance.properlyDominates(back, use.getOwner());
      });
    });
  }
};
} // namespace
} // namespace fovea
