// The two outermost dims of a product's rows become one, so that a batch of sequences of one token
// each reads a matrix once and not once a sequence. What is computed of such rows only, norms,
// activations and residuals, is merged along, so that it still joins the product's group. Sums keep
// their order: no bit changes.
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_MERGEROWSPASS
#include "passes/Passes.h.inc"

namespace {
enum class Rows { None, Outermost, Elsewhere };
} // namespace

/// How an operand depends on loops 0 and 1.
static Rows rowsOf(AffineMap map) {
  if (!map.isFunctionOfDim(0) && !map.isFunctionOfDim(1))
    return Rows::None;
  for (auto [position, result] : llvm::enumerate(map.getResults())) {
    bool isExpected = position < 2 && result == getAffineDimExpr(position, map.getContext());
    if (!isExpected && (result.isFunctionOfDim(0) || result.isFunctionOfDim(1)))
      return Rows::Elsewhere;
  }
  return map.isFunctionOfDim(0) && map.isFunctionOfDim(1) ? Rows::Outermost : Rows::Elsewhere;
}

/// Every operand that depends on loops 0 and 1 has them as its two outermost dims, and the first is
/// not known to be 1, where nothing is gained. Of other dims each is one loop, as collapsing loops
/// wants: the source of windows has sums of two.
static bool hasRows(linalg::GenericOp op) {
  if (op.getNumLoops() < 2 || !op.hasPureTensorSemantics() || op.hasIndexSemantics())
    return false;
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  for (unsigned loop : {0, 1})
    if (!linalg::isParallelIterator(iterators[loop]))
      return false;
  if (op.getStaticLoopRanges()[0] == 1)
    return false;
  return llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) {
    return map.isProjectedPermutation(/*allowZeroInResults=*/true) &&
           rowsOf(map) != Rows::Elsewhere;
  });
}

/// Sums products of rows with a matrix that all rows share.
static bool sharesMatrix(linalg::GenericOp op) {
  return op.getNumReductionLoops() > 0 &&
         llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *in) {
           AffineMap map = op.getMatchingIndexingMap(in);
           return map.getNumResults() >= 2 && rowsOf(map) == Rows::None;
         });
}

/// The products that share matrices, and the ops that make or take their rows.
static llvm::SetVector<Operation *> findRowOps(func::FuncOp function) {
  llvm::SetVector<Operation *> found;
  function.walk([&](linalg::GenericOp op) {
    if (hasRows(op) && sharesMatrix(op))
      found.insert(op);
  });
  auto add = [&](Operation *op) {
    if (auto generic = dyn_cast_or_null<linalg::GenericOp>(op); generic && hasRows(generic))
      found.insert(generic);
  };
  for (size_t i = 0; i < found.size(); ++i) {
    auto op = cast<linalg::GenericOp>(found[i]);
    for (OpOperand &operand : op->getOpOperands())
      if (rowsOf(op.getMatchingIndexingMap(&operand)) == Rows::Outermost)
        add(operand.get().getDefiningOp());
    for (OpOperand &use : op->getUses()) {
      auto user = dyn_cast<linalg::GenericOp>(use.getOwner());
      if (user && rowsOf(user.getMatchingIndexingMap(&use)) == Rows::Outermost)
        add(user);
    }
  }
  return found;
}

/// The sizes of a reshaped result are those it was given, so that nobody needs the result for them.
static LogicalResult readOutputShape(tensor::DimOp op, PatternRewriter &rewriter) {
  auto expand = op.getSource().getDefiningOp<tensor::ExpandShapeOp>();
  std::optional<int64_t> dim = op.getConstantIndex();
  if (!expand || !dim)
    return rewriter.notifyMatchFailure(op, "no dim of a reshape");
  rewriter.replaceOp(op, getValueOrCreateConstantIndexOp(rewriter, op.getLoc(),
                                                         expand.getMixedOutputShape()[*dim]));
  return success();
}

namespace {
struct MergeRowsPass : impl::MergeRowsPassBase<MergeRowsPass> {
  using Base::Base;
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    ReassociationIndices rows = {0, 1};
    llvm::SetVector<Operation *> ops = findRowOps(getOperation());
    if (ops.empty())
      return;
    for (Operation *op : ops) {
      rewriter.setInsertionPoint(op);
      FailureOr<linalg::CollapseResult> merged =
          linalg::collapseOpIterationDims(cast<linalg::LinalgOp>(op), rows, rewriter);
      if (failed(merged)) {
        op->emitError("rows cannot be merged");
        return signalPassFailure();
      }
      rewriter.replaceOp(op, merged->results);
    }
    // Between two merged ops nothing is left of the reshapes.
    RewritePatternSet patterns(&getContext());
    patterns.add(readOutputShape);
    tensor::populateFoldTensorEmptyPatterns(patterns);
    tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns, &getContext());
    tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns, &getContext());
    linalg::FillOp::getCanonicalizationPatterns(patterns, &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
} // namespace fovea
