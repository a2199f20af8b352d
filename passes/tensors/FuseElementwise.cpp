// Merges producers into elementwise consumers, so that a chain of elementwise ops is one loop. A
// merge must not compute anything twice: the producer has one use, and a producer that costs more
// than a few instructions an element is not read along a broadcast.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/contraction/PanelProduct.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_FUSEELEMENTWISEPASS
#include "passes/Passes.h.inc"
} // namespace fovea

/// Whether an element costs about as much as loading it: conversions, choices and single
/// arithmetic ops, but no division or transcendental function.
static bool isCheapBody(linalg::LinalgOp op) {
  return llvm::all_of(*op.getBlock(), [](Operation &in) {
    return !isa<arith::DivFOp, tensor::ExtractOp>(in) &&
           !isa_and_nonnull<math::MathDialect>(in.getDialect());
  });
}

/// Whether `operand` is read at fewer points than its op's loops visit: each element more than
/// once.
static bool isReadRepeatedly(OpOperand *operand) {
  auto consumer = cast<linalg::LinalgOp>(operand->getOwner());
  return !consumer.getMatchingIndexingMap(operand).isPermutation();
}

/// Whether what an element is depends on what its place held: read again, it would be added to
/// again.
static bool readsInits(linalg::LinalgOp op) {
  return llvm::any_of(op.getDpsInitsMutable(),
                      [&](OpOperand &init) { return op.payloadUsesValueFromOperand(&init); });
}

static bool mayFuse(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::LinalgOp>();
  auto consumer = dyn_cast<linalg::LinalgOp>(operand->getOwner());
  if (!producer || !consumer)
    return false;
  // A single number is computed by one thread: what costs something stays outside, for all of them.
  // A product of two tensors would become a contraction.
  if (consumer.getNumReductionLoops() == consumer.getNumLoops() &&
      (!isCheapBody(producer) || producer.getNumDpsInputs() > 1))
    return false;
  // Contractions keep their operands as they are: their kernels pack and reuse them.
  if (fovea::isPanelProduct(consumer))
    return false;
  if (!producer->hasOneUse())
    return false;
  return !isReadRepeatedly(operand) || (isCheapBody(producer) && !readsInits(producer));
}

namespace {
struct FuseElementwisePass : fovea::impl::FuseElementwisePassBase<FuseElementwisePass> {
  using Base::Base;
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    linalg::populateElementwiseOpsFusionPatterns(patterns, mayFuse);
    linalg::GenericOp::getCanonicalizationPatterns(patterns, &getContext());
    tensor::EmptyOp::getCanonicalizationPatterns(patterns, &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
