// Products with windows as products of matrices. What a convolution written as windows and a
// contraction sums up, channels and taps, becomes one loop in the order of the other factor, and
// its places in an image one of rows: windows are copied anyway, and a copy can have any order
// (im2col: Chellapilla, Puri and Simard, High Performance Convolutional Neural Networks for
// Document Processing, 2006).
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/Report.h"
#include "passes/contraction/PanelProduct.h"
#include "passes/tensors/DimSizes.h"
#include "passes/tile/Decompose.h"
#include "passes/tile/WindowReading.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace fovea;

/// A run along k of fewer elements is not worth vectors.
static constexpr int64_t shortRun = 8;

/// Fewer rows of each of several images are worth merging those of all.
static constexpr int64_t fewRows = 64;

namespace {
class WindowProduct {
public:
  WindowProduct(linalg::GenericOp op, unsigned number, WindowReading windows)
      : op(op), number(number), windows(std::move(windows)), maps(op.getIndexingMapsArray()) {}

  /// Whether it multiplies rows of windows by columns of the other factor.
  bool match();
  LogicalResult rewrite(RewriterBase &rewriter);

private:
  AffineMap other() const { return maps[1 - number]; }
  SmallVector<unsigned> loopsOf(AffineMap map, function_ref<bool(unsigned)> keep) const;
  unsigned dimOf(unsigned loop);
  bool isAlongRows();
  OpFoldResult size(OpBuilder &b, unsigned loop);
  void copyFactor(RewriterBase &rewriter, unsigned factor, Value source, ArrayRef<AffineExpr> at,
                  ArrayRef<unsigned> order);
  SmallVector<ReassociationIndices> groups() const;

  linalg::GenericOp op;
  unsigned number; // of the factor
  WindowReading windows;
  SmallVector<AffineMap> maps;
  SmallVector<unsigned> outer, rows, reduced; // the loops of the windows
};
} // namespace

//===------------------------------------------------------------------------------------------===//
// Loops
//===------------------------------------------------------------------------------------------===//

/// Loops in the order in which an operand has them.
SmallVector<unsigned> WindowProduct::loopsOf(AffineMap map,
                                             function_ref<bool(unsigned)> keep) const {
  SmallVector<unsigned> loops;
  for (AffineExpr expr : map.getResults())
    if (unsigned loop = cast<AffineDimExpr>(expr).getPosition(); keep(loop))
      loops.push_back(loop);
  return loops;
}

/// The dim of the windows that a loop runs over.
unsigned WindowProduct::dimOf(unsigned loop) {
  return *maps[number].getResultPosition(getAffineDimExpr(loop, op.getContext()));
}

bool WindowProduct::match() {
  if (!llvm::all_of(maps, [](AffineMap map) { return map.isProjectedPermutation(); }))
    return false;
  AffineMap mine = maps[number], result = maps.back();
  auto isPlace = [&](unsigned loop) {
    return mine.isFunctionOfDim(loop) && !other().isFunctionOfDim(loop) &&
           windows.isAdded(dimOf(loop));
  };
  rows = loopsOf(result, isPlace);
  outer =
      loopsOf(result, [&](unsigned loop) { return mine.isFunctionOfDim(loop) && !isPlace(loop); });
  reduced = loopsOf(other(), [&](unsigned loop) { return !result.isFunctionOfDim(loop); });
  auto columns = loopsOf(result, [&](unsigned loop) { return !mine.isFunctionOfDim(loop); });
  return !rows.empty() && !columns.empty() && !reduced.empty() &&
         llvm::all_of(reduced, [&](unsigned loop) { return mine.isFunctionOfDim(loop); }) &&
         mine.getNumResults() == rows.size() + outer.size() + reduced.size();
}

/// Whether the windows are copied along their rows: where neighbours are next to each other in the
/// source, and unless a run of what is summed up is.
bool WindowProduct::isAlongRows() {
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  int64_t count = 1;
  for (unsigned loop : rows)
    count = ShapedType::isDynamic(sizes[loop]) ? fewRows : count * sizes[loop];
  bool isBatch = llvm::any_of(outer, [&](unsigned loop) { return sizes[loop] != 1; });
  if (isBatch && count < fewRows)
    return false;
  auto isRun = [&](unsigned loop) { return windows.stepAlong(dimOf(loop)) == 1; };
  int64_t run = sizes[reduced.back()];
  return isRun(rows.back()) || !isRun(reduced.back()) ||
         (!ShapedType::isDynamic(run) && run < shortRun);
}

/// The loops that become one.
SmallVector<ReassociationIndices> WindowProduct::groups() const {
  SmallVector<ReassociationIndices> groups;
  for (ArrayRef<unsigned> loops : {ArrayRef(rows), ArrayRef(reduced)}) {
    ReassociationIndices group(loops.begin(), loops.end());
    if (group.size() > 1 && linalg::areDimSequencesPreserved(maps, group))
      groups.push_back(group);
  }
  return groups;
}

//===------------------------------------------------------------------------------------------===//
// Copies
//===------------------------------------------------------------------------------------------===//

/// Of tensors other than the windows, which nothing is to keep alive.
OpFoldResult WindowProduct::size(OpBuilder &b, unsigned loop) {
  bool isOfResult = maps.back().isFunctionOfDim(loop);
  AffineMap map = isOfResult ? maps.back() : other();
  Value tensor = isOfResult ? op.getDpsInits()[0] : op.getDpsInputs()[1 - number];
  return getDimSize(b, op.getLoc(), tensor, *map.getResultPosition(b.getAffineDimExpr(loop)));
}

/// Puts a copy that has the loops in that order in the place of a factor, of elements `at` of the
/// source by dims of the factor.
void WindowProduct::copyFactor(RewriterBase &rewriter, unsigned factor, Value source,
                               ArrayRef<AffineExpr> at, ArrayRef<unsigned> order) {
  SmallVector<AffineExpr> places(order.size());
  SmallVector<OpFoldResult> sizes;
  for (auto [place, loop] : llvm::enumerate(order)) {
    unsigned dim = *maps[factor].getResultPosition(rewriter.getAffineDimExpr(loop));
    places[dim] = rewriter.getAffineDimExpr(place);
    sizes.push_back(size(rewriter, loop));
  }
  auto from = llvm::map_to_vector(at, [&](AffineExpr expr) { return expr.replaceDims(places); });
  Value empty =
      tensor::EmptyOp::create(rewriter, op.getLoc(), sizes, getElementTypeOrSelf(source.getType()));
  Value copy = createGeneric(rewriter, op.getLoc(), source, empty,
                             {AffineMap::get(order.size(), 0, from, rewriter.getContext()),
                              rewriter.getMultiDimIdentityMap(order.size())},
                             [](OpBuilder &, Location, ValueRange x) { return x[0]; });
  maps[factor] = AffineMap::getMultiDimMapWithTargets(op.getNumLoops(), order, op.getContext());
  rewriter.modifyOpInPlace(op, [&] {
    op->setOperand(factor, copy);
    op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
  });
}

LogicalResult WindowProduct::rewrite(RewriterBase &rewriter) {
  fovea::remark(op, "windows",
                "multiplied as rows of a matrix, copied in the order of that product");
  rewriter.setInsertionPoint(op);
  SmallVector<unsigned> order = outer;
  bool alongRows = isAlongRows();
  llvm::append_range(order, alongRows ? reduced : rows);
  llvm::append_range(order, alongRows ? rows : reduced);
  copyFactor(rewriter, number, windows.source, windows.at, order);
  if (!linalg::isDimSequencePreserved(other(),
                                      ReassociationIndices(reduced.begin(), reduced.end()))) {
    AffineMap result = maps.back();
    order = loopsOf(other(), [&](unsigned loop) { return result.isFunctionOfDim(loop); });
    llvm::append_range(order, reduced);
    SmallVector<AffineExpr> dims;
    for (unsigned dim = 0; dim < order.size(); ++dim)
      dims.push_back(rewriter.getAffineDimExpr(dim));
    copyFactor(rewriter, 1 - number, op.getDpsInputs()[1 - number], dims, order);
  }
  SmallVector<ReassociationIndices> merged = groups();
  if (merged.empty())
    return success();
  auto collapsed = linalg::collapseOpIterationDims(cast<linalg::LinalgOp>(*op), merged, rewriter);
  if (failed(collapsed))
    return op.emitError("loops of windows cannot be merged");
  rewriter.replaceOp(op, collapsed->results);
  return success();
}

/// Of two factors that are windows the first that is rows.
static LogicalResult flatten(RewriterBase &rewriter, linalg::GenericOp op) {
  for (unsigned number : {0, 1})
    if (auto windows = findWindows(op.getDpsInputs()[number])) {
      WindowProduct product(op, number, std::move(*windows));
      if (product.match())
        return product.rewrite(rewriter);
    }
  return success();
}

LogicalResult fovea::flattenWindows(func::FuncOp function) {
  SmallVector<linalg::GenericOp> products;
  function.walk([&](linalg::GenericOp op) {
    if (op.hasPureTensorSemantics() && isPanelProduct(op))
      products.push_back(op);
  });
  IRRewriter rewriter(function.getContext());
  for (linalg::GenericOp op : products)
    if (failed(flatten(rewriter, op)))
      return failure();
  return success();
}
