// Canonicalisations of attention: what it does not need goes away.
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace fovea::attn;

static YieldOp getYield(Region &region) { return cast<YieldOp>(region.front().getTerminator()); }

namespace {
/// attention(cast(q)) -> attention(q), and so for all operands. Upstream has this pattern for
/// every destination-style op, but it clones the op by a function that fails on empty regions;
/// the higher benefit keeps it from getting here.
struct FoldCasts : OpRewritePattern<AttentionOp> {
  FoldCasts(MLIRContext *context) : OpRewritePattern(context, /*benefit=*/2) {}

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (!tensor::hasFoldableTensorCastOperand(op))
      return rewriter.notifyMatchFailure(op, "no operand is a cast that loses static sizes");
    SmallVector<Type> types(op->getResultTypes());
    SmallVector<Value> operands = tensor::getUpdatedOperandsAfterCastOpFolding(
        cast<DestinationStyleOpInterface>(op.getOperation()), types);
    AttentionOp folded = op.cloneWithOperands(rewriter, types, operands);
    SmallVector<Value> results(folded.getResults());
    for (auto [result, type] : llvm::zip_equal(results, op.getResultTypes()))
      if (result.getType() != type)
        result = tensor::CastOp::create(rewriter, op.getLoc(), type, result);
    rewriter.replaceOp(op, results);
    return success();
  }
};

/// Makes the op ask for some of the outputs that it has.
static void keepOutputs(AttentionOp op, ArrayRef<AttentionOutput> kept, PatternRewriter &rewriter) {
  op.setWithWeights(llvm::is_contained(kept, AttentionOutput::Weights));
  op.setWithLse(llvm::is_contained(kept, AttentionOutput::Lse));
  if (!llvm::is_contained(kept, AttentionOutput::ColumnSums))
    op.removeColumnChunkAttr();
  if (op.hasBucket() && !llvm::is_contained(kept, AttentionOutput::BucketSums))
    rewriter.eraseBlock(&op.getBucket().front());
  op.getProperties().operandSegmentSizes[3] = kept.size();
}

/// Outputs that nobody reads, besides the first, are not computed.
struct DropUnusedOutputs : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (op.getNumResults() == 0)
      return rewriter.notifyMatchFailure(op, "on buffers, whose readers are not known");
    SmallVector<AttentionOutput> kept;
    SmallVector<Value> operands = {op.getQuery(), op.getKey(), op.getValue()};
    SmallVector<Value> replaced;
    SmallVector<Type> types;
    for (auto [output, init, result] :
         llvm::zip_equal(op.getOutputs(), op.getInits(), op.getResults())) {
      if (output != AttentionOutput::Output && result.use_empty())
        continue;
      kept.push_back(output);
      operands.push_back(init);
      replaced.push_back(result);
      types.push_back(result.getType());
    }
    if (kept.size() == op.getNumResults())
      return rewriter.notifyMatchFailure(op, "all outputs are used");

    llvm::append_range(operands, op->getOperands().drop_front(3 + op.getInits().size()));
    AttentionOp smaller = op.cloneWithOperands(rewriter, types, operands);
    keepOutputs(smaller, kept, rewriter);
    for (auto [result, replacement] : llvm::zip_equal(replaced, smaller.getResults()))
      rewriter.replaceAllUsesWith(result, replacement);
    rewriter.eraseOp(op);
    return success();
  }
};

/// A mask that is true everywhere is no mask; one that is false everywhere gives zeros and an LSE
/// of -inf (attention_s4).
struct FoldConstantMask : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    std::optional<int64_t> allowed =
        op.hasMask() ? getConstantIntValue(getYield(op.getMask()).getValue()) : std::nullopt;
    if (!allowed)
      return rewriter.notifyMatchFailure(op, "no mask, or one that is not constant");
    if (*allowed != 0) {
      rewriter.modifyOpInPlace(op, [&] { op.removeFillAttr(); });
      rewriter.eraseBlock(&op.getMask().front());
      return success();
    }
    if (op.getNumResults() == 0 || op.hasSink() || op.getFill())
      return rewriter.notifyMatchFailure(op, "on buffers, or a sink or a fill takes part");
    SmallVector<Value> results;
    for (Value init : op.getInits()) {
      auto element = cast<FloatType>(getElementTypeOrSelf(init.getType()));
      double fill = init == op.getLseInit() ? -std::numeric_limits<double>::infinity() : 0.0;
      Value constant =
          arith::ConstantOp::create(rewriter, op.getLoc(), rewriter.getFloatAttr(element, fill));
      results.push_back(linalg::FillOp::create(rewriter, op.getLoc(), constant, init).getResult(0));
    }
    rewriter.replaceOp(op, results);
    return success();
  }
};

/// A score function that returns the score is none.
struct DropIdentityScore : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (!op.hasScore() || getYield(op.getScore()).getValue() != op.getScore().getArgument(0))
      return rewriter.notifyMatchFailure(op, "no score function, or one that computes");
    rewriter.eraseBlock(&op.getScore().front());
    return success();
  }
};

/// Dropout that drops nothing does not scale either.
struct DropZeroDropout : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (!op.getDropout() || !op.getDropout()->isZero())
      return rewriter.notifyMatchFailure(op, "no dropout, or one that drops something");
    rewriter.modifyOpInPlace(op, [&] {
      op.removeDropoutAttr();
      op.getSeedMutable().clear();
      op.getDropoutCounterMutable().clear();
    });
    return success();
  }
};

/// The order of dims that is the default is not written.
struct DropIdentityPermutations : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    SmallVector<StringAttr> identities;
    for (StringAttr name : {op.getQueryPermAttrName(), op.getKeyPermAttrName(),
                            op.getValuePermAttrName(), op.getOutputPermAttrName()}) {
      auto perm = op->getAttrOfType<DenseI64ArrayAttr>(name);
      if (perm && perm.asArrayRef() == ArrayRef<int64_t>{0, 1, 2, 3})
        identities.push_back(name);
    }
    if (identities.empty())
      return rewriter.notifyMatchFailure(op, "all permutations that are written permute");
    rewriter.modifyOpInPlace(op, [&] {
      for (StringAttr name : identities)
        op->removeAttr(name);
    });
    return success();
  }
};
} // namespace

void AttentionOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<FoldCasts, DropUnusedOutputs, FoldConstantMask, DropIdentityScore, DropZeroDropout,
               DropIdentityPermutations>(context);
}
