// Contractions read narrow factors as they are stored: a conversion of a whole factor to a wider
// type, which would be written and read again in every run, moves into the contraction's body. Of a
// weight of which a part is read, such as one expert of many, only that part is converted.
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
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

/// Whether these are the elements of a weight, as stored or widened.
static bool isWeight(Value value) {
  if (linalg::GenericOp widening = findWidening(value))
    value = widening.getDpsInputs()[0];
  return static_cast<bool>(value.getDefiningOp<fovea::attn::WeightOp>());
}

/// `w[n, e]` is a slice of a slice; makes it one of the weight.
static LogicalResult mergeSlices(func::FuncOp function) {
  SmallVector<Operation *> first, later;
  function.walk([&](tensor::ExtractSliceOp slice) {
    Value source = slice.getSource();
    while (auto before = source.getDefiningOp<tensor::ExtractSliceOp>())
      source = before.getSource();
    if (isWeight(source))
      (source == slice.getSource() ? first : later).push_back(slice);
  });
  RewritePatternSet patterns(function.getContext());
  tensor::populateMergeConsecutiveInsertExtractSlicePatterns(patterns);
  GreedyRewriteConfig config;
  config.setStrictness(GreedyRewriteStrictness::ExistingAndNewOps);
  if (failed(applyOpPatternsGreedily(later, std::move(patterns), config)))
    return failure();
  // The driver erases none but what it was given.
  for (Operation *slice : first)
    if (slice->use_empty())
      slice->erase();
  return success();
}

/// Makes the slice of a widened weight the widened slice of it.
static void sliceNarrow(RewriterBase &rewriter, tensor::ExtractSliceOp slice) {
  linalg::GenericOp widening = findWidening(slice.getSource());
  if (!widening || !widening.getDpsInputs()[0].getDefiningOp<fovea::attn::WeightOp>() ||
      !llvm::all_of(widening.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isIdentity(); }))
    return;
  Value weight = widening.getDpsInputs()[0];
  Location loc = widening.getLoc();
  rewriter.setInsertionPoint(slice);
  auto type = cast<RankedTensorType>(slice.getType());
  Value part = tensor::ExtractSliceOp::create(
      rewriter, slice.getLoc(), type.clone(getElementTypeOrSelf(weight)), weight,
      slice.getMixedOffsets(), slice.getMixedSizes(), slice.getMixedStrides());
  Value empty = tensor::EmptyOp::create(rewriter, loc, tensor::getMixedSizes(rewriter, loc, part),
                                        type.getElementType());
  SmallVector<AffineMap> maps(2, rewriter.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> loops(type.getRank(), utils::IteratorType::parallel);
  auto widened = linalg::GenericOp::create(
      rewriter, loc, type, part, empty, maps, loops,
      [&](OpBuilder &builder, Location loc, ValueRange arguments) {
        Value wide = arith::ExtFOp::create(builder, loc, type.getElementType(), arguments[0]);
        linalg::YieldOp::create(builder, loc, wide);
      });
  rewriter.replaceOp(slice, widened.getResult(0));
  // Or the whole weight would seem to be read.
  if (widening.use_empty())
    rewriter.eraseOp(widening);
}

namespace {
struct FoldWideningPass : fovea::impl::FoldWideningPassBase<FoldWideningPass> {
  using Base::Base;
  void runOnOperation() override {
    if (failed(mergeSlices(getOperation())))
      return signalPassFailure();
    IRRewriter rewriter(&getContext());
    getOperation().walk([&](tensor::ExtractSliceOp slice) { sliceNarrow(rewriter, slice); });
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
