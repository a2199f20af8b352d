// Contractions read narrow factors as they are stored: a conversion of a whole factor to a wider
// type, which would be written and read again in every run, moves into the contraction's body.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_FOLDWIDENINGPASS
#include "passes/Passes.h.inc"
} // namespace fovea

/// The op that gives `value` if all it does is to widen the elements of one tensor of floats.
static linalg::GenericOp findWidening(Value value) {
  auto op = value.getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getNumLoops() != op.getNumParallelLoops())
    return nullptr;
  auto widening = op.getBody()->getTerminator()->getOperand(0).getDefiningOp<arith::ExtFOp>();
  if (!widening || widening.getIn() != op.getRegionInputArgs()[0])
    return nullptr;
  AffineMap read = op.getIndexingMapsArray()[0], write = op.getIndexingMapsArray()[1];
  return read.isProjectedPermutation() && write.isPermutation() ? op : nullptr;
}

/// Replaces the op's input `number` by what it is widened from.
static void readNarrow(RewriterBase &rewriter, linalg::GenericOp op, unsigned number,
                       linalg::GenericOp widening) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  // Loops of the contraction to dims of the wide tensor, to loops of the conversion, to dims of the
  // narrow one.
  AffineMap loops = inversePermutation(widening.getIndexingMapsArray()[1]);
  maps[number] = widening.getIndexingMapsArray()[0].compose(loops.compose(maps[number]));
  rewriter.modifyOpInPlace(op, [&] {
    op->setOperand(number, widening.getDpsInputs()[0]);
    op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
  });
  BlockArgument argument = op.getBody()->getArgument(number);
  Type wide = argument.getType();
  argument.setType(getElementTypeOrSelf(widening.getDpsInputs()[0]));
  rewriter.setInsertionPointToStart(op.getBody());
  auto converted = arith::ExtFOp::create(rewriter, widening.getLoc(), wide, argument);
  rewriter.replaceAllUsesExcept(argument, converted, converted);
}

namespace {
struct FoldWideningPass : fovea::impl::FoldWideningPassBase<FoldWideningPass> {
  using Base::Base;
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    getOperation().walk([&](linalg::GenericOp op) {
      if (!linalg::isaContractionOpInterface(cast<linalg::LinalgOp>(*op)))
        return;
      for (unsigned number = 0; number < 2; ++number)
        if (linalg::GenericOp widening = findWidening(op->getOperand(number)))
          readNarrow(rewriter, op, number, widening);
    });
  }
};
} // namespace
