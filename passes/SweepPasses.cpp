#include "passes/SweepPasses.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace fovea;

static GreedyRewriteConfig oneSweep() {
  return GreedyRewriteConfig()
      .setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled)
      .setMaxIterations(1);
}

/// Of a memref whose dims were merged: what MLIR's own patterns resolve of tensors only.
static LogicalResult resolveMergedDim(memref::DimOp op, PatternRewriter &rewriter) {
  auto merged = op.getSource().getDefiningOp<memref::CollapseShapeOp>();
  std::optional<int64_t> index = op.getConstantIndex();
  if (!merged || !index || *index >= merged.getType().getRank())
    return failure();
  AffineExpr product = rewriter.getAffineConstantExpr(1);
  SmallVector<OpFoldResult> sizes;
  SmallVector<ReassociationIndices> groups = merged.getReassociationIndices();
  for (int64_t dim : groups[*index]) {
    product = product * rewriter.getAffineSymbolExpr(sizes.size());
    sizes.push_back(memref::getMixedSize(rewriter, op.getLoc(), merged.getSrc(), dim));
  }
  OpFoldResult size = affine::makeComposedFoldedAffineApply(rewriter, op.getLoc(), product, sizes);
  rewriter.replaceOp(op, getValueOrCreateConstantIndexOp(rewriter, op.getLoc(), size));
  return success();
}

namespace {
using Populate = void (*)(RewritePatternSet &);

/// Of the operations for which `isRoot` holds and of what patterns make of them.
class Sweep : public PassWrapper<Sweep, OperationPass<>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Sweep)

  Sweep(StringRef name, bool (*isRoot)(Operation *), Populate populate, bool folds)
      : name(name), isRoot(isRoot), populate(populate),
        config(GreedyRewriteConfig()
                   .setStrictness(GreedyRewriteStrictness::ExistingAndNewOps)
                   .enableFolding(folds)) {}

  StringRef getName() const override { return name; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<affine::AffineDialect, arith::ArithDialect, memref::MemRefDialect,
                    scf::SCFDialect, tensor::TensorDialect>();
  }
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    populate(set);
    patterns = std::move(set);
    return success();
  }
  void runOnOperation() override {
    SmallVector<Operation *> roots;
    getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (isRoot(op))
        roots.push_back(op);
    });
    if (!roots.empty())
      (void)applyOpPatternsGreedily(roots, patterns, config);
  }

private:
  StringRef name;
  bool (*isRoot)(Operation *);
  Populate populate;
  GreedyRewriteConfig config;
  FrozenRewritePatternSet patterns;
};
} // namespace

std::unique_ptr<Pass> fovea::createCanonicalizeSweep() {
  return createCanonicalizerPass(oneSweep());
}

static bool isMemRefOp(Operation *op) {
  return isa_and_nonnull<memref::MemRefDialect>(op->getDialect()) &&
         !isa<memref::LoadOp, memref::StoreOp, memref::PrefetchOp>(op);
}

static bool isDimOp(Operation *op) { return isa<memref::DimOp, tensor::DimOp>(op); }

static bool isAffineOp(Operation *op) {
  return isa_and_nonnull<affine::AffineDialect>(op->getDialect());
}

/// Of indices and what decides by them. What computes on vectors and what reads and writes memory
/// is most of a kernel.
static bool isIndexOp(Operation *op) {
  auto isVector = [](Type type) { return isa<VectorType>(type); };
  if (isa_and_nonnull<scf::SCFDialect>(op->getDialect()))
    return true;
  return !isa<memref::LoadOp, memref::StoreOp, memref::PrefetchOp>(op) &&
         !llvm::any_of(op->getOperandTypes(), isVector) &&
         !llvm::any_of(op->getResultTypes(), isVector);
}

std::unique_ptr<Pass> fovea::createCanonicalizeIndicesSweep() {
  auto populate = [](RewritePatternSet &patterns) {
    MLIRContext *context = patterns.getContext();
    for (StringRef name : {"arith", "memref", "scf"})
      if (Dialect *dialect = context->getLoadedDialect(name))
        dialect->getCanonicalizationPatterns(patterns);
    for (RegisteredOperationName name : context->getRegisteredOperations())
      if (isa<arith::ArithDialect, memref::MemRefDialect, scf::SCFDialect>(name.getDialect()))
        name.getCanonicalizationPatterns(patterns, context);
  };
  return std::make_unique<Sweep>("CanonicalizeIndicesSweep", isIndexOp, populate, /*folds=*/true);
}

std::unique_ptr<Pass> fovea::createExpandStridedMetadataSweep() {
  // Folding every operation on the way is left to the canonicalisation that follows.
  return std::make_unique<Sweep>("ExpandStridedMetadataSweep", isMemRefOp,
                                 memref::populateExpandStridedMetadataPatterns, /*folds=*/false);
}

std::unique_ptr<Pass> fovea::createResolveResultDimsSweep() {
  auto populate = [](RewritePatternSet &patterns) {
    memref::populateResolveRankedShapedTypeResultDimsPatterns(patterns);
    memref::populateResolveShapedTypeResultDimsPatterns(patterns);
    patterns.add(resolveMergedDim);
  };
  return std::make_unique<Sweep>("ResolveResultDimsSweep", isDimOp, populate, /*folds=*/true);
}

std::unique_ptr<Pass> fovea::createLowerAffineSweep() {
  return std::make_unique<Sweep>("LowerAffineSweep", isAffineOp,
                                 populateAffineToStdConversionPatterns, /*folds=*/false);
}
