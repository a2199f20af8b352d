#include "passes/SweepPasses.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
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

class Sweep : public PassWrapper<Sweep, OperationPass<>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Sweep)

  Sweep(StringRef name, Populate populate, GreedyRewriteConfig config)
      : name(name), populate(populate), config(config) {}

  StringRef getName() const override { return name; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<affine::AffineDialect, arith::ArithDialect, memref::MemRefDialect,
                    tensor::TensorDialect>();
  }
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    populate(set);
    patterns = std::move(set);
    return success();
  }
  void runOnOperation() override {
    // A sweep that changed something counts as not converged, which is no failure.
    (void)applyPatternsGreedily(getOperation(), patterns, config);
  }

private:
  StringRef name;
  Populate populate;
  GreedyRewriteConfig config;
  FrozenRewritePatternSet patterns;
};
} // namespace

std::unique_ptr<Pass> fovea::createCanonicalizeSweep() {
  return createCanonicalizerPass(oneSweep());
}

std::unique_ptr<Pass> fovea::createExpandStridedMetadataSweep() {
  // Folding every operation on the way is left to the canonicalisation that follows.
  return std::make_unique<Sweep>("ExpandStridedMetadataSweep",
                                 memref::populateExpandStridedMetadataPatterns,
                                 oneSweep().enableFolding(false));
}

std::unique_ptr<Pass> fovea::createResolveResultDimsSweep() {
  auto populate = [](RewritePatternSet &patterns) {
    memref::populateResolveRankedShapedTypeResultDimsPatterns(patterns);
    memref::populateResolveShapedTypeResultDimsPatterns(patterns);
    patterns.add(resolveMergedDim);
  };
  return std::make_unique<Sweep>("ResolveResultDimsSweep", populate, oneSweep());
}
