// The two outermost dims of a product's rows become one, so that a batch of sequences of one token
// each reads a matrix once and not once a sequence. What is computed of such rows only, norms,
// activations and residuals, is merged along, so that it still joins the product's group, and a
// loop over layers carries merged rows, so that it updates them in place. Sums keep their order: no
// bit changes.
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/tensors/DimSizes.h"
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

//===------------------------------------------------------------------------------------------===//
// Loops that carry rows
//===------------------------------------------------------------------------------------------===//

/// [0, 1], [2], ...
static SmallVector<ReassociationIndices> mergingTwo(int64_t rank) {
  SmallVector<ReassociationIndices> groups = {{0, 1}};
  for (int64_t dim = 2; dim < rank; ++dim)
    groups.push_back({dim});
  return groups;
}

/// Whether an iteration merges the rows of the tensor that it gets, and splits those that it
/// yields.
static bool carriesSplitRows(BlockArgument carried, Value next) {
  auto expand = next.getDefiningOp<tensor::ExpandShapeOp>();
  if (!expand)
    return false;
  auto groups = mergingTwo(expand.getType().getRank());
  return expand.getReassociationIndices() == groups &&
         llvm::any_of(carried.getUsers(), [&](Operation *user) {
           auto collapse = dyn_cast<tensor::CollapseShapeOp>(user);
           return collapse && collapse.getReassociationIndices() == groups;
         });
}

/// Lets the loop carry merged rows in place `number`.
static scf::ForOp carryMergedRows(RewriterBase &rewriter, scf::ForOp loop, unsigned number) {
  OpOperand &init = loop.getInitsMutable()[number];
  auto split = cast<RankedTensorType>(init.get().getType());
  auto groups = mergingTwo(split.getRank());
  rewriter.setInsertionPoint(loop);
  Location loc = loop.getLoc();
  SmallVector<OpFoldResult> sizes = getDimSizes(rewriter, loc, init.get());
  Value merged = tensor::CollapseShapeOp::create(rewriter, loc, init.get(), groups);
  auto reshape = [&](OpBuilder &b, Location loc, Type type, Value value) -> Value {
    if (type == split)
      return tensor::ExpandShapeOp::create(b, loc, type, value, groups, sizes);
    return tensor::CollapseShapeOp::create(b, loc, type, value, groups);
  };
  SmallVector<Value> results =
      scf::replaceAndCastForOpIterArg(rewriter, loop, init, merged, reshape);
  auto changed = merged.getUses().begin()->getOwner();
  for (NamedAttribute attribute : loop->getDiscardableAttrs())
    changed->setDiscardableAttr(attribute.getName(), attribute.getValue());
  rewriter.replaceOp(loop, results);
  return cast<scf::ForOp>(changed);
}

static void mergeCarriedRows(RewriterBase &rewriter, func::FuncOp function) {
  SmallVector<scf::ForOp> loops;
  function.walk([&](scf::ForOp loop) { loops.push_back(loop); });
  for (scf::ForOp loop : loops)
    for (unsigned i = 0; i < loop.getNumRegionIterArgs(); ++i)
      if (carriesSplitRows(loop.getRegionIterArg(i), loop.getYieldedValues()[i]))
        loop = carryMergedRows(rewriter, loop, i);
}

/// Between two merged ops nothing is left of the reshapes.
static LogicalResult dropReshapes(func::FuncOp function) {
  MLIRContext *context = function.getContext();
  RewritePatternSet patterns(context);
  patterns.add(readOutputShape);
  tensor::populateFoldTensorEmptyPatterns(patterns);
  tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns, context);
  tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns, context);
  linalg::FillOp::getCanonicalizationPatterns(patterns, context);
  return applyPatternsGreedily(function, std::move(patterns));
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
    // Which rows a loop carries shows once what is inside has no reshapes left.
    if (failed(dropReshapes(getOperation())))
      return signalPassFailure();
    mergeCarriedRows(rewriter, getOperation());
    if (failed(dropReshapes(getOperation())))
      signalPassFailure();
  }
};
} // namespace
} // namespace fovea
