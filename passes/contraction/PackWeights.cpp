// Has the runtime pack weights when it loads them: those that contractions read as their second
// factor, wherever in the module (WeightUses.h). Elements that a gather takes from such a weight
// come out of the panels, so that there is one copy of it.
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/Passes.h"
#include "passes/Report.h"
#include "passes/contraction/QuantizedFactor.h"
#include "passes/contraction/SiblingProducts.h"
#include "passes/contraction/WeightUses.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace fovea;

namespace fovea {
#define GEN_PASS_DEF_PACKWEIGHTSPASS
#include "passes/Passes.h.inc"
} // namespace fovea

namespace {
/// Puts panels in the place of a weight, and has them read by what read it.
class WeightPacker {
public:
  WeightPacker(RewriterBase &rewriter, const WeightUses &uses)
      : rewriter(rewriter), uses(uses), panelDim(uses.panelDim()), shape(uses.panelShape()) {}
  void pack();

private:
  void replaceDims();
  void packAsStored();
  void packQuantized(attn::WeightFormat format);
  void replaceLoad(memref::LoadOp load, const QuantizedFactor &factor);
  attn::WeightOp createPacked(attn::WeightOp op);
  std::pair<OpFoldResult, OpFoldResult> panelsOf(memref::SubViewOp slice);
  void rewriteProduct(const WeightUses::Product &product, Value panels);
  void rewriteLoad(memref::LoadOp load, Value panels);

  RewriterBase &rewriter;
  const WeightUses &uses;
  int64_t panelDim;
  PanelShape shape;
};
} // namespace

//===------------------------------------------------------------------------------------------===//
// Panels of elements as they are stored
//===------------------------------------------------------------------------------------------===//

attn::WeightOp WeightPacker::createPacked(attn::WeightOp op) {
  auto type = cast<MemRefType>(op.getType());
  int64_t rows = type.getDimSize(panelDim), depth = type.getDimSize(1 - panelDim);
  int64_t places = llvm::divideCeil(rows, shape.rows());
  auto panels = MemRefType::get({shape.streams, places, depth, shape.lanes}, type.getElementType());
  auto stored = RankedTensorType::get(type.getShape(), type.getElementType());
  return attn::WeightOp::create(rewriter, op.getLoc(), panels, op.getNameAttr(), op.getIndices(),
                                op.getCountsAttr(), op.getSpansAttr(), TypeAttr::get(stored),
                                rewriter.getI64IntegerAttr(panelDim));
}

/// The panels of a slice of rows: the first place in the streams, and how many.
std::pair<OpFoldResult, OpFoldResult> WeightPacker::panelsOf(memref::SubViewOp slice) {
  AffineExpr d0 = rewriter.getAffineDimExpr(0);
  auto apply = [&](AffineExpr expr, OpFoldResult value) {
    return affine::makeComposedFoldedAffineApply(rewriter, slice.getLoc(), expr, {value});
  };
  return {apply(d0.floorDiv(shape.rows()), slice.getMixedOffsets()[panelDim]),
          apply(d0.ceilDiv(shape.rows()), slice.getMixedSizes()[panelDim])};
}

/// Reads `panels[stream, place, k, lane]` of each row.
void WeightPacker::rewriteProduct(const WeightUses::Product &product, Value panels) {
  linalg::GenericOp op = product.op;
  Location loc = op.getLoc();
  if (memref::SubViewOp slice = product.slice) {
    rewriter.setInsertionPoint(slice);
    OpFoldResult zero = rewriter.getIndexAttr(0), one = rewriter.getIndexAttr(1);
    auto [first, count] = panelsOf(slice);
    SmallVector<OpFoldResult> sizes = memref::getMixedSizes(rewriter, loc, panels);
    sizes[1] = count;
    panels = memref::SubViewOp::create(rewriter, loc, panels, {zero, first, zero, zero}, sizes,
                                       {one, one, one, one});
  }
  AffineExpr row = rewriter.getAffineDimExpr(product.row), k = rewriter.getAffineDimExpr(product.k);
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  unsigned number = product.operand->getOperandNumber();
  auto [stream, place, lane] = shape.placeOf(row);
  maps[number] =
      AffineMap::get(op.getNumLoops(), 0, {stream, place, k, lane}, rewriter.getContext());
  rewriter.modifyOpInPlace(op, [&] {
    op->setOperand(number, panels);
    op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
  });
  if (product.slice && product.slice->use_empty())
    rewriter.eraseOp(product.slice);
}

void WeightPacker::rewriteLoad(memref::LoadOp load, Value panels) {
  rewriter.setInsertionPoint(load);
  Location loc = load.getLoc();
  Value row = load.getIndices()[panelDim], k = load.getIndices()[1 - panelDim];
  Value width = arith::ConstantIndexOp::create(rewriter, loc, shape.lanes);
  Value streams = arith::ConstantIndexOp::create(rewriter, loc, shape.streams);
  Value panel = arith::DivUIOp::create(rewriter, loc, row, width);
  Value lane = arith::RemUIOp::create(rewriter, loc, row, width);
  Value stream = arith::RemUIOp::create(rewriter, loc, panel, streams);
  Value place = arith::DivUIOp::create(rewriter, loc, panel, streams);
  rewriter.replaceOpWithNewOp<memref::LoadOp>(load, panels, ValueRange{stream, place, k, lane});
}

void WeightPacker::replaceDims() {
  for (memref::DimOp dim : uses.askingSizes()) {
    rewriter.setInsertionPoint(dim);
    auto type = cast<MemRefType>(dim.getSource().getType());
    rewriter.replaceOpWithNewOp<arith::ConstantIndexOp>(dim,
                                                        type.getDimSize(*dim.getConstantIndex()));
  }
}

void WeightPacker::packAsStored() {
  DenseMap<Value, Value> panelsOf;
  for (attn::WeightOp op : uses.all()) {
    rewriter.setInsertionPoint(op);
    panelsOf[op] = createPacked(op);
  }
  for (const WeightUses::Product &product : uses.readingProducts())
    rewriteProduct(product, panelsOf[product.weight()]);
  for (memref::LoadOp load : uses.readingLoads())
    rewriteLoad(load, panelsOf[load.getMemref()]);
}

//===------------------------------------------------------------------------------------------===//
// Quantised panels
//===------------------------------------------------------------------------------------------===//

/// A narrow weight's element is widened again behind the load; in between it is not rounded.
void WeightPacker::replaceLoad(memref::LoadOp load, const QuantizedFactor &factor) {
  rewriter.setInsertionPoint(load);
  Value row = load.getIndices()[panelDim], k = load.getIndices()[1 - panelDim];
  Value wide = loadQuantized(rewriter, load.getLoc(), factor, row, k);
  for (Operation *user : llvm::make_early_inc_range(load->getUsers()))
    if (isa<arith::ExtFOp>(user) && user->getResult(0).getType().isF32())
      rewriter.replaceOp(user, wide);
  Value element = wide;
  if (load.getType() != wide.getType())
    element = arith::TruncFOp::create(rewriter, load.getLoc(), load.getType(), wide);
  rewriter.replaceOp(load, element);
}

void WeightPacker::packQuantized(attn::WeightFormat format) {
  DenseMap<Value, QuantizedFactor> factorOf;
  for (attn::WeightOp op : uses.all()) {
    rewriter.setInsertionPoint(op);
    factorOf[op] = createQuantizedWeight(rewriter, op, panelDim, shape, format);
  }
  for (const WeightUses::Product &product : uses.readingProducts()) {
    QuantizedFactor factor = factorOf[product.weight()];
    memref::SubViewOp slice = product.slice;
    if (slice) {
      rewriter.setInsertionPoint(slice);
      auto [first, count] = panelsOf(slice);
      factor = slicePanels(rewriter, slice.getLoc(), factor, first, count);
    }
    readQuantized(rewriter, product.op, *product.operand, product.row, product.k, factor);
    if (slice && slice->use_empty())
      rewriter.eraseOp(slice);
  }
  for (memref::LoadOp load : uses.readingLoads())
    replaceLoad(load, factorOf[load.getMemref()]);
}

void WeightPacker::pack() {
  replaceDims();
  if (std::optional<attn::WeightFormat> few = uses.format())
    packQuantized(*few);
  else
    packAsStored();
  for (attn::WeightOp op : uses.all())
    rewriter.eraseOp(op);
}

//===------------------------------------------------------------------------------------------===//
// The pass
//===------------------------------------------------------------------------------------------===//

namespace {
struct PackWeightsPass : fovea::impl::PackWeightsPassBase<PackWeightsPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

static LogicalResult generalizeContractions(RewriterBase &rewriter, ModuleOp module) {
  SmallVector<linalg::LinalgOp> named;
  module.walk([&](linalg::LinalgOp op) {
    if (!isa<linalg::GenericOp>(*op) && op.hasPureBufferSemantics() &&
        linalg::isaContractionOpInterface(op))
      named.push_back(op);
  });
  for (linalg::LinalgOp op : named) {
    rewriter.setInsertionPoint(op);
    if (failed(linalg::generalizeNamedOp(rewriter, op)))
      return failure();
  }
  return success();
}

static DenseSet<Operation *> findAllSiblings(ModuleOp module) {
  SmallVector<linalg::LinalgOp> ops;
  module.walk([&](linalg::LinalgOp op) { ops.push_back(op); });
  DenseSet<Operation *> siblings;
  for (auto [first, second] : findSiblings(ops)) {
    siblings.insert(first);
    siblings.insert(second);
  }
  return siblings;
}

void PackWeightsPass::runOnOperation() {
  const TargetInfo *info = requireTarget(getOperation(), target);
  if (!info)
    return signalPassFailure();
  std::optional<attn::WeightFormat> wanted = attn::symbolizeWeightFormat(quantize);
  if (!wanted && !quantize.empty()) {
    getOperation().emitError("expected weights to be quantised as q8 or q4, got '")
        << quantize << "'";
    return signalPassFailure();
  }
  IRRewriter rewriter(&getContext());
  if (failed(generalizeContractions(rewriter, getOperation())))
    return signalPassFailure();
  DenseSet<Operation *> siblings = findAllSiblings(getOperation());
  llvm::MapVector<StringAttr, WeightUses> weights;
  getOperation().walk([&](attn::WeightOp op) {
    if (isa<MemRefType>(op.getType()))
      weights.try_emplace(op.getNameAttr(), *info, wanted, siblings).first->second.add(op);
  });
  for (auto &[name, uses] : weights) {
    if (std::optional<std::string> why = uses.obstacle())
      fovea::remark(uses.first(), "weights",
                    "'" + name.str() + "' is packed in every run: " + *why);
    if (wanted)
      uses.reportFormat();
    if (uses.isPacked())
      WeightPacker(rewriter, uses).pack();
  }
}
