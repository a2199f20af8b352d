// Elementwise ops that write over an operand nobody reads again. Bufferisation then updates
// residual streams in place instead of copying them at every layer.
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/Passes.h"
#include "passes/contraction/PanelProduct.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_REUSEOPERANDSPASS
#include "passes/Passes.h.inc"

/// True if `op` is the last to read `value` and the value's memory may be overwritten.
static bool isLastUse(Value value, Operation *op) {
  // Inputs of an entry belong to the caller; weights are read-only.
  if (auto argument = dyn_cast<BlockArgument>(value);
      argument && isa<func::FuncOp>(argument.getOwner()->getParentOp()))
    return false;
  if (Operation *def = value.getDefiningOp(); def && !isa<linalg::LinalgOp, attn::AttentionOp>(def))
    return false;
  // A loop may run the op again with the same value.
  if (value.getParentBlock() != op->getBlock())
    return false;
  return llvm::all_of(value.getUsers(), [&](Operation *user) {
    Operation *scope = op->getBlock()->findAncestorOpInBlock(*user);
    return scope && (scope == op || scope->isBeforeInBlock(op));
  });
}

/// Whether `value` is computed by `source`, or from its results by reductions and elementwise ops.
/// `seen` are ops that are not.
static bool isComputedBy(Value value, Operation *source, SmallPtrSetImpl<Operation *> &seen) {
  auto op = value.getDefiningOp<linalg::LinalgOp>();
  if (!op || isPanelProduct(op) || !seen.insert(op).second)
    return false;
  return op == source || llvm::any_of(op->getOperands(), [&](Value operand) {
           return isComputedBy(operand, source, seen);
         });
}

/// Whether another input is computed with this one or from it, as the sum of a row is. Tiling then
/// keeps the row in scratch memory, which is nearer than any buffer.
static bool isReadTwice(linalg::GenericOp op, OpOperand *input) {
  Operation *source = input->get().getDefiningOp<linalg::LinalgOp>();
  SmallPtrSet<Operation *, 32> seen;
  return source && llvm::any_of(op.getDpsInputs(), [&](Value other) {
           return other != input->get() && isComputedBy(other, source, seen);
         });
}

/// The input that the result may take the memory of, or null.
static OpOperand *reusableInput(linalg::GenericOp op) {
  OpOperand *init = op.getDpsInitOperand(0);
  for (OpOperand *input : op.getDpsInputOperands())
    if (input->get().getType() == init->get().getType() &&
        op.getMatchingIndexingMap(input) == op.getMatchingIndexingMap(init) &&
        isLastUse(input->get(), op) && !isReadTwice(op, input))
      return input;
  return nullptr;
}

/// `ins(%a, %b) outs(%empty)` becomes `ins(%b) outs(%a)`.
static void reuseInput(linalg::GenericOp op, OpOperand *input) {
  Block *body = op.getBody();
  unsigned number = input->getOperandNumber();
  op.getDpsInitOperand(0)->set(input->get());
  body->getArgument(number).replaceAllUsesWith(body->getArguments().back());
  body->eraseArgument(number);
  SmallVector<Attribute> maps(op.getIndexingMaps().getValue());
  maps.erase(maps.begin() + number);
  op.setIndexingMapsAttr(ArrayAttr::get(op.getContext(), maps));
  op.getInputsMutable().erase(number);
}

namespace {
struct ReuseOperandsPass : impl::ReuseOperandsPassBase<ReuseOperandsPass> {
  using Base::Base;
  void runOnOperation() override {
    getOperation().walk([](linalg::GenericOp op) {
      bool isElementwise = op.getNumDpsInits() == 1 &&
                           op.getNumParallelLoops() == op.getNumLoops() &&
                           op.hasPureTensorSemantics();
      if (!isElementwise || !op.getMatchingBlockArgument(op.getDpsInitOperand(0)).use_empty() ||
          !op.getDpsInitOperand(0)->get().getDefiningOp<tensor::EmptyOp>())
        return;
      if (OpOperand *input = reusableInput(op))
        reuseInput(op, input);
    });
  }
};
} // namespace
} // namespace fovea
