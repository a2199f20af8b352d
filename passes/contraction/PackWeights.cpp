// Decides which weights the runtime packs when it loads them: those that contractions read as their
// second factor, wherever in the module. Elements that a gather takes from such a weight come out
// of the panels, so that there is one copy of it.
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/Passes.h"
#include "passes/Report.h"
#include "passes/contraction/EmitContraction.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace fovea;

namespace fovea {
#define GEN_PASS_DEF_PACKWEIGHTSPASS
#include "passes/Passes.h.inc"
} // namespace fovea

namespace {
/// A contraction that reads a slice of the weight, or all of it.
struct Product {
  linalg::GenericOp op;
  OpOperand *operand;
  memref::SubViewOp slice; // or null
  unsigned row, k;         // loops
};

/// All ops of one name, and what reads them.
class WeightUses {
public:
  explicit WeightUses(const TargetInfo &target) : target(target) {}

  void add(attn::WeightOp op);
  /// Why the weight stays as it is, if it does and a contraction reads it.
  std::optional<std::string> obstacle() const;
  bool isPacked() const { return !products.empty() && !obstacle(); }
  void pack(RewriterBase &rewriter);
  attn::WeightOp first() const { return ops.front(); }

private:
  void addUse(OpOperand &use, memref::SubViewOp slice);
  void addProduct(OpOperand &use, memref::SubViewOp slice);
  void fail(const Twine &reason) { reasons.push_back(reason.str()); }
  attn::WeightOp createPacked(OpBuilder &b, attn::WeightOp op);
  void rewriteProduct(RewriterBase &rewriter, const Product &product, Value panels);
  void rewriteLoad(RewriterBase &rewriter, memref::LoadOp load, Value panels);

  const TargetInfo &target;
  SmallVector<attn::WeightOp> ops;
  SmallVector<Product> products;
  SmallVector<memref::LoadOp> loads;
  SmallVector<memref::DimOp> dims;
  SmallVector<std::string> reasons;
  bool isFactor = false; // of some contraction
  int64_t panelDim = 0, lanes = 0;
};
} // namespace

//===------------------------------------------------------------------------------------------===//
// What reads a weight
//===------------------------------------------------------------------------------------------===//

void WeightUses::addProduct(OpOperand &use, memref::SubViewOp slice) {
  isFactor = true;
  if (!reasons.empty())
    return;
  auto op = cast<linalg::GenericOp>(use.getOwner());
  std::string why;
  std::optional<Contraction> contraction = matchContraction(op, why);
  if (!contraction)
    return fail(why);
  if (contraction->b.operand != &use)
    return fail("it is the first factor of a contraction");
  AffineMap map = op.getMatchingIndexingMap(&use);
  auto dim = map.getResultPosition(getAffineDimExpr(*contraction->b.row, op.getContext()));
  int64_t width = chooseContractionTile(target, contraction->accumulator.getWidth()).lanes;
  if (products.empty()) {
    panelDim = *dim;
    lanes = width;
  } else if (panelDim != *dim || lanes != width) {
    return fail("contractions read it in different layouts");
  }
  if (slice &&
      (!isTileOffset(slice.getMixedOffsets()[panelDim], lanes) ||
       !isConstantIntValue(slice.getMixedOffsets()[1 - panelDim], 0) ||
       slice.getStaticSizes()[1 - panelDim] != slice.getSourceType().getDimSize(1 - panelDim)))
    return fail("a contraction reads a part of it that does not begin with a panel");
  products.push_back({op, &use, slice, *contraction->b.row, contraction->k});
}

void WeightUses::addUse(OpOperand &use, memref::SubViewOp slice) {
  Operation *user = use.getOwner();
  if (auto dim = dyn_cast<memref::DimOp>(user); dim && !slice)
    return dims.push_back(dim);
  if (auto load = dyn_cast<memref::LoadOp>(user); load && !slice)
    return loads.push_back(load);
  if (auto view = dyn_cast<memref::SubViewOp>(user))
    if (!slice && view.hasUnitStride() &&
        view.getType().getRank() == view.getSourceType().getRank()) {
      for (OpOperand &inner : view->getUses())
        addUse(inner, view);
      return;
    }
  auto linalgOp = dyn_cast<linalg::LinalgOp>(user);
  if (linalgOp && linalg::isaContractionOpInterface(linalgOp))
    return addProduct(use, slice);
  fail("'" + user->getName().getStringRef() + "' reads it as it is stored");
}

void WeightUses::add(attn::WeightOp op) {
  ops.push_back(op);
  if (op.getSource())
    fail("it is in panels already");
  else if (cast<ShapedType>(op.getType()).getRank() != 2)
    fail("it is no matrix");
  for (OpOperand &use : op->getUses())
    addUse(use, nullptr);
}

std::optional<std::string> WeightUses::obstacle() const {
  if (!isFactor || reasons.empty())
    return std::nullopt;
  return reasons.front();
}

//===------------------------------------------------------------------------------------------===//
// Panels in its place
//===------------------------------------------------------------------------------------------===//

attn::WeightOp WeightUses::createPacked(OpBuilder &b, attn::WeightOp op) {
  auto type = cast<MemRefType>(op.getType());
  int64_t rows = type.getDimSize(panelDim), depth = type.getDimSize(1 - panelDim);
  auto panels = MemRefType::get({int64_t(llvm::divideCeil(rows, lanes)), depth, lanes},
                                type.getElementType());
  auto stored = RankedTensorType::get(type.getShape(), type.getElementType());
  return attn::WeightOp::create(b, op.getLoc(), panels, op.getNameAttr(), op.getLayer(),
                                op.getCountAttr(), TypeAttr::get(stored),
                                b.getI64IntegerAttr(panelDim));
}

/// Reads `panels[row floordiv lanes, k, row mod lanes]`.
void WeightUses::rewriteProduct(RewriterBase &rewriter, const Product &product, Value panels) {
  linalg::GenericOp op = product.op;
  Location loc = op.getLoc();
  AffineExpr d0 = rewriter.getAffineDimExpr(0);
  if (memref::SubViewOp slice = product.slice) {
    rewriter.setInsertionPoint(slice);
    auto apply = [&](AffineExpr expr, OpFoldResult value) {
      return affine::makeComposedFoldedAffineApply(rewriter, loc, expr, {value});
    };
    OpFoldResult zero = rewriter.getIndexAttr(0), one = rewriter.getIndexAttr(1);
    auto shape = cast<MemRefType>(panels.getType()).getShape();
    panels = memref::SubViewOp::create(
        rewriter, loc, panels,
        {apply(d0.floorDiv(lanes), slice.getMixedOffsets()[panelDim]), zero, zero},
        {apply(d0.ceilDiv(lanes), slice.getMixedSizes()[panelDim]), rewriter.getIndexAttr(shape[1]),
         rewriter.getIndexAttr(lanes)},
        {one, one, one});
  }
  AffineExpr row = rewriter.getAffineDimExpr(product.row), k = rewriter.getAffineDimExpr(product.k);
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  unsigned number = product.operand->getOperandNumber();
  maps[number] = AffineMap::get(op.getNumLoops(), 0, {row.floorDiv(lanes), k, row % lanes},
                                rewriter.getContext());
  rewriter.modifyOpInPlace(op, [&] {
    op->setOperand(number, panels);
    op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
  });
  if (product.slice && product.slice->use_empty())
    rewriter.eraseOp(product.slice);
}

void WeightUses::rewriteLoad(RewriterBase &rewriter, memref::LoadOp load, Value panels) {
  rewriter.setInsertionPoint(load);
  Location loc = load.getLoc();
  Value row = load.getIndices()[panelDim], k = load.getIndices()[1 - panelDim];
  Value width = arith::ConstantIndexOp::create(rewriter, loc, lanes);
  Value panel = arith::DivUIOp::create(rewriter, loc, row, width);
  Value lane = arith::RemUIOp::create(rewriter, loc, row, width);
  rewriter.replaceOpWithNewOp<memref::LoadOp>(load, panels, ValueRange{panel, k, lane});
}

void WeightUses::pack(RewriterBase &rewriter) {
  for (memref::DimOp dim : dims) {
    rewriter.setInsertionPoint(dim);
    auto type = cast<MemRefType>(dim.getSource().getType());
    rewriter.replaceOpWithNewOp<arith::ConstantIndexOp>(dim,
                                                        type.getDimSize(*dim.getConstantIndex()));
  }
  DenseMap<Value, Value> panelsOf;
  for (attn::WeightOp op : ops) {
    rewriter.setInsertionPoint(op);
    panelsOf[op] = createPacked(rewriter, op);
  }
  for (const Product &product : products)
    rewriteProduct(rewriter, product,
                   panelsOf[product.slice ? product.slice->getOperand(0) : product.operand->get()]);
  for (memref::LoadOp load : loads)
    rewriteLoad(rewriter, load, panelsOf[load.getMemref()]);
  for (attn::WeightOp op : ops)
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

void PackWeightsPass::runOnOperation() {
  const TargetInfo *info = findTarget(target);
  if (!info) {
    getOperation().emitError("unknown target '") << target << "'";
    return signalPassFailure();
  }
  IRRewriter rewriter(&getContext());
  if (failed(generalizeContractions(rewriter, getOperation())))
    return signalPassFailure();
  llvm::MapVector<StringAttr, WeightUses> weights;
  getOperation().walk([&](attn::WeightOp op) {
    if (isa<MemRefType>(op.getType()))
      weights.try_emplace(op.getNameAttr(), *info).first->second.add(op);
  });
  for (auto &[name, uses] : weights) {
    if (std::optional<std::string> why = uses.obstacle())
      fovea::remark(uses.first(), "weights",
                    "'" + name.str() + "' is packed in every run: " + *why);
    if (uses.isPacked())
      uses.pack(rewriter);
  }
}
