// Lets attention and contractions read and write transposed tensors in place: a linalg.transpose
// that makes an operand, or that alone uses the output, becomes part of the permutation attributes
// of attention or of the indexing maps of a contraction. Heads that are repeated before attention
// are read from before the repetition.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/raise/FoldRepeatedHeads.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_FOLDTRANSPOSEPASS
#include "passes/Passes.h.inc"
} // namespace fovea

using namespace fovea;

static DenseI64ArrayAttr permutationAttr(OpBuilder &builder, ArrayRef<int64_t> permutation) {
  if (llvm::is_sorted(permutation)) // the identity is not written
    return nullptr;
  return builder.getDenseI64ArrayAttr(permutation);
}

/// Dim c of the operand is dim `transpose[c]` of its source.
static SmallVector<int64_t> composed(ArrayRef<int64_t> transpose, ArrayRef<int64_t> permutation) {
  return llvm::map_to_vector(permutation, [&](int64_t dim) { return transpose[dim]; });
}

static bool isWidening(linalg::GenericOp op) {
  Value result = op.getBody()->getTerminator()->getOperand(0);
  return op.getNumLoops() == op.getNumParallelLoops() && op.getNumDpsInputs() == 1 &&
         result.getDefiningOp<arith::ExtFOp>();
}

static AffineMap permuteResults(AffineMap map, ArrayRef<int64_t> permutation) {
  return AffineMap::get(map.getNumDims(), 0, applyPermutation(map.getResults(), permutation),
                        map.getContext());
}

/// An empty tensor as `empty`, whose dims are those of the transposition's result.
static Value createTransposed(OpBuilder &builder, tensor::EmptyOp empty,
                              linalg::TransposeOp transpose) {
  auto sizes = applyPermutation(empty.getMixedSizes(), transpose.getPermutation());
  return tensor::EmptyOp::create(builder, empty.getLoc(), sizes, empty.getType().getElementType());
}

namespace {
/// attention(transpose(x)) -> attention(x), for query, key and value.
struct FoldOperandTranspose : OpRewritePattern<attn::AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(attn::AttentionOp op, PatternRewriter &rewriter) const override {
    bool changed = false;
    auto fold = [&](OpOperand &operand, ArrayRef<int64_t> permutation, auto setPermutation) {
      auto transpose = operand.get().getDefiningOp<linalg::TransposeOp>();
      if (!transpose)
        return;
      changed = true;
      rewriter.modifyOpInPlace(op, [&] {
        setPermutation(
            permutationAttr(rewriter, composed(transpose.getPermutation(), permutation)));
        operand.set(transpose.getInput());
      });
    };
    fold(op.getQueryMutable(), op.getQueryPermutation(),
         [&](DenseI64ArrayAttr attr) { op.setQueryPermAttr(attr); });
    fold(op.getKeyMutable(), op.getKeyPermutation(),
         [&](DenseI64ArrayAttr attr) { op.setKeyPermAttr(attr); });
    fold(op.getValueMutable(), op.getValuePermutation(),
         [&](DenseI64ArrayAttr attr) { op.setValuePermAttr(attr); });
    if (!changed)
      return rewriter.notifyMatchFailure(op, "no operand is transposed");
    return success();
  }
};

/// transpose(attention(..., init)) -> attention(..., transposed init). Only where nothing else
/// reads the output, and its init holds nothing that the op would have to keep.
struct FoldOutputTranspose : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::TransposeOp transpose,
                                PatternRewriter &rewriter) const override {
    auto op = transpose.getInput().getDefiningOp<attn::AttentionOp>();
    if (!op || transpose.getInput() != op->getResult(0))
      return rewriter.notifyMatchFailure(transpose, "not of the output of attention");
    if (!op->getResult(0).hasOneUse())
      return rewriter.notifyMatchFailure(transpose, "the output has other uses");
    auto empty = op.getOutputInit().getDefiningOp<tensor::EmptyOp>();
    if (!empty)
      return rewriter.notifyMatchFailure(transpose, "the output is written into given memory");

    SmallVector<int64_t> inverse = invertPermutationVector(transpose.getPermutation());
    rewriter.setInsertionPoint(op);
    Value init = createTransposed(rewriter, empty, transpose);
    rewriter.modifyOpInPlace(op, [&] {
      op.setOutputPermAttr(permutationAttr(rewriter, composed(inverse, op.getOutputPermutation())));
      op.getInitsMutable().slice(0, 1).assign(init);
      op->getResult(0).setType(cast<RankedTensorType>(init.getType()));
    });
    rewriter.replaceOp(transpose, op->getResult(0));
    return success();
  }
};

/// Whether a contraction would find the last dim of an operand with that map along a loop of its
/// batch: neither rows nor sums could be read or written by vectors.
static bool isBatchInnermost(linalg::GenericOp op, AffineMap map) {
  auto dims = linalg::inferContractionDims(cast<linalg::LinalgOp>(*op));
  auto last = dyn_cast<AffineDimExpr>(map.getResults().back());
  return succeeded(dims) && last && llvm::is_contained(dims->batch, last.getPosition());
}

/// `x @ transpose(w)` reads w: kernels pack factors whatever their order. So does a conversion to a
/// wider type, which then becomes part of the contraction.
struct FoldFactorTranspose : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    if (!linalg::isaContractionOpInterface(op) && !isWidening(op))
      return rewriter.notifyMatchFailure(op, "neither a contraction nor a widening");
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    SmallVector<Value> inputs = op.getDpsInputs();
    bool changed = false;
    for (auto [input, map] : llvm::zip_first(inputs, maps)) {
      auto transpose = input.getDefiningOp<linalg::TransposeOp>();
      if (!transpose)
        continue;
      AffineMap source = permuteResults(map, invertPermutationVector(transpose.getPermutation()));
      if (isBatchInnermost(op, source))
        continue;
      input = transpose.getInput();
      map = source;
      changed = true;
    }
    if (!changed)
      return rewriter.notifyMatchFailure(op,
                                         "no factor is transposed that rows could be read from");
    rewriter.modifyOpInPlace(op, [&] {
      op.getInputsMutable().assign(inputs);
      op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
    });
    return success();
  }
};

/// transpose(x @ w) -> x @ w written transposed, where nothing else reads the product.
struct FoldProductTranspose : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::TransposeOp transpose,
                                PatternRewriter &rewriter) const override {
    auto op = transpose.getInput().getDefiningOp<linalg::GenericOp>();
    if (!op || !op->hasOneUse() || !linalg::isaContractionOpInterface(op))
      return rewriter.notifyMatchFailure(transpose, "not the only use of a contraction");
    auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
    auto empty = fill ? fill.getOutputs()[0].getDefiningOp<tensor::EmptyOp>() : nullptr;
    if (!empty)
      return rewriter.notifyMatchFailure(transpose, "what the sum begins with is not a constant");

    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    maps.back() = permuteResults(maps.back(), transpose.getPermutation());
    if (isBatchInnermost(op, maps.back()))
      return rewriter.notifyMatchFailure(transpose, "the batch would be innermost");

    rewriter.setInsertionPoint(op);
    Value init = createTransposed(rewriter, empty, transpose);
    auto filled = linalg::FillOp::create(rewriter, fill.getLoc(), fill.getInputs(), init);
    rewriter.modifyOpInPlace(op, [&] {
      op.setOperand(op.getNumOperands() - 1, filled.getResult(0));
      op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
      op->getResult(0).setType(cast<RankedTensorType>(init.getType()));
    });
    rewriter.replaceOp(transpose, op->getResult(0));
    return success();
  }
};

struct FoldTransposePass : fovea::impl::FoldTransposePassBase<FoldTransposePass> {
  using Base::Base;
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns
        .add<FoldOperandTranspose, FoldOutputTranspose, FoldFactorTranspose, FoldProductTranspose>(
            &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    getOperation().walk([](attn::AttentionOp op) { foldRepeatedHeads(op); });
  }
};
} // namespace
