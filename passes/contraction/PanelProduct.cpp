#include "passes/contraction/PanelProduct.h"

using namespace mlir;

/// A sum of at most so many products, next to each other in memory, is done in a vector or two.
static constexpr int64_t shortSum = 16;

namespace {
/// How two factors and the result are indexed; `large` has as many dims as `small` at least.
struct SumOfProducts {
  SmallVector<int64_t> sizes; // of the loops
  AffineMap large, small, result;

  bool isOfBatch(unsigned loop) const {
    return large.isFunctionOfDim(loop) && small.isFunctionOfDim(loop) &&
           result.isFunctionOfDim(loop);
  }
  bool isOfSmallAlone(unsigned loop) const {
    return small.isFunctionOfDim(loop) && !large.isFunctionOfDim(loop);
  }
  bool isShort(unsigned loop) const {
    return !result.isFunctionOfDim(loop) && !ShapedType::isDynamic(sizes[loop]) &&
           sizes[loop] <= shortSum;
  }
};
} // namespace

static std::optional<unsigned> innermostLoop(AffineMap map) {
  if (map.getNumResults() == 0)
    return std::nullopt;
  return cast<AffineDimExpr>(map.getResults().back()).getPosition();
}

static bool isSummedInWiderFloats(linalg::LinalgOp op) {
  auto element = dyn_cast<FloatType>(getElementTypeOrSelf(op.getDpsInits()[0]));
  return element && element.getWidth() < 32;
}

bool fovea::isBatchedSum(linalg::LinalgOp op) {
  if (!linalg::isaContractionOpInterface(op) || isSummedInWiderFloats(op))
    return false;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SumOfProducts sum{op.getStaticLoopRanges(), maps[0], maps[1], maps[2]};
  if (sum.large.getNumResults() < sum.small.getNumResults())
    std::swap(sum.large, sum.small);
  auto isOfSmallAlone = [&](unsigned loop) { return sum.isOfSmallAlone(loop); };
  auto along = innermostLoop(sum.large), smallAlong = innermostLoop(sum.small);
  auto resultAlong = innermostLoop(sum.result);
  if (!along || !smallAlong || llvm::any_of(llvm::seq(op.getNumLoops()), isOfSmallAlone))
    return false;
  // Rows of one by columns of the other are cut into tiles as products are.
  if (sum.large.getNumResults() == sum.small.getNumResults() && along != smallAlong)
    return false;
  return sum.isOfBatch(*along) ||
         (sum.isShort(*along) && resultAlong && sum.isOfBatch(*resultAlong));
}

bool fovea::isPanelProduct(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return linalgOp && linalg::isaContractionOpInterface(linalgOp) && !isBatchedSum(linalgOp);
}
