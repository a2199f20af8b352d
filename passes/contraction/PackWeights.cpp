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
#include "passes/contraction/PanelPlace.h"
#include "passes/contraction/PanelProduct.h"
#include "passes/contraction/QuantizedFactor.h"
#include "passes/contraction/SiblingProducts.h"
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
  FloatType accumulator;
};

/// All ops of one name, and what reads them.
class WeightUses {
public:
  /// `siblings` are the ops that are computed together with others.
  WeightUses(const TargetInfo &target, std::optional<attn::WeightFormat> wanted,
             const DenseSet<Operation *> &siblings)
      : target(target), wanted(wanted), siblings(siblings) {}

  void add(attn::WeightOp op);
  /// Why the weight stays as it is, if it does and a contraction reads it.
  std::optional<std::string> obstacle() const;
  bool isPacked() const { return !products.empty() && !obstacle(); }
  void pack(RewriterBase &rewriter);
  /// What is said of the weight if others are quantised.
  void reportFormat() const;
  attn::WeightOp first() const { return ops.front(); }

private:
  void addUse(OpOperand &use, memref::SubViewOp slice);
  void addProduct(OpOperand &use, memref::SubViewOp slice);
  void fail(const Twine &reason) { reasons.push_back(reason.str()); }
  std::optional<std::string> obstacleToFewBits() const;
  std::optional<attn::WeightFormat> format() const;
  void chooseStreams();
  void replaceDims(RewriterBase &rewriter);
  void packAsStored(RewriterBase &rewriter);
  void packQuantized(RewriterBase &rewriter, attn::WeightFormat format);
  void replaceLoad(RewriterBase &rewriter, memref::LoadOp load, const QuantizedFactor &factor);
  attn::WeightOp createPacked(OpBuilder &b, attn::WeightOp op);
  std::pair<OpFoldResult, OpFoldResult> panelsOf(RewriterBase &rewriter, memref::SubViewOp slice);
  void rewriteProduct(RewriterBase &rewriter, const Product &product, Value panels);
  void rewriteLoad(RewriterBase &rewriter, memref::LoadOp load, Value panels);

  const TargetInfo &target;
  std::optional<attn::WeightFormat> wanted;
  const DenseSet<Operation *> &siblings;
  SmallVector<attn::WeightOp> ops;
  SmallVector<Product> products;
  SmallVector<memref::LoadOp> loads;
  SmallVector<memref::DimOp> dims;
  SmallVector<std::string> reasons;
  bool isFactor = false; // of some contraction
  int64_t panelDim = 0;
  PanelShape shape = {0, 0};
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
  ContractionTile tile = chooseContractionTile(target, contraction->accumulator.getWidth());
  if (products.empty()) {
    panelDim = *dim;
    shape = {tile.panels(), tile.lanes};
  } else if (panelDim != *dim || shape.lanes != tile.lanes) {
    return fail("contractions read it in different layouts");
  }
  if (slice &&
      (!isTileOffset(slice.getMixedOffsets()[panelDim], shape.rows()) ||
       !isConstantIntValue(slice.getMixedOffsets()[1 - panelDim], 0) ||
       slice.getStaticSizes()[1 - panelDim] != slice.getSourceType().getDimSize(1 - panelDim)))
    return fail(
        "a contraction reads a part of it that does not begin with a panel of the first stream");
  products.push_back(
      {op, &use, slice, *contraction->b.row, contraction->k, contraction->accumulator});
}

/// Whether a product reads what a view shows, or parts of it.
static bool isReadByProduct(Operation *view) {
  return llvm::any_of(view->getUsers(), [](Operation *user) {
    return isPanelProduct(user) || (isa<ViewLikeOpInterface>(user) && isReadByProduct(user));
  });
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
  if (isPanelProduct(user))
    return addProduct(use, slice);
  if (isa<memref::CollapseShapeOp, memref::ExpandShapeOp>(user)) {
    isFactor |= isReadByProduct(user);
    return fail("a contraction reads it with other dims");
  }
  fail("'" + user->getName().getStringRef() + "' reads it as it is stored");
}

void WeightUses::add(attn::WeightOp op) {
  ops.push_back(op);
  if (op.getSource())
    fail("it is in panels already");
  else if (cast<ShapedType>(op.getType()).getRank() != 2)
    fail("it is no matrix");
  else if (!cast<ShapedType>(op.getType()).hasStaticShape())
    fail("its sizes are not known");
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
  int64_t places = llvm::divideCeil(rows, shape.rows());
  auto panels = MemRefType::get({shape.streams, places, depth, shape.lanes}, type.getElementType());
  auto stored = RankedTensorType::get(type.getShape(), type.getElementType());
  return attn::WeightOp::create(b, op.getLoc(), panels, op.getNameAttr(), op.getIndices(),
                                op.getCountsAttr(), TypeAttr::get(stored),
                                b.getI64IntegerAttr(panelDim));
}

/// The panels of a slice of rows: the first place in the streams, and how many.
std::pair<OpFoldResult, OpFoldResult> WeightUses::panelsOf(RewriterBase &rewriter,
                                                           memref::SubViewOp slice) {
  AffineExpr d0 = rewriter.getAffineDimExpr(0);
  auto apply = [&](AffineExpr expr, OpFoldResult value) {
    return affine::makeComposedFoldedAffineApply(rewriter, slice.getLoc(), expr, {value});
  };
  return {apply(d0.floorDiv(shape.rows()), slice.getMixedOffsets()[panelDim]),
          apply(d0.ceilDiv(shape.rows()), slice.getMixedSizes()[panelDim])};
}

/// Reads `panels[stream, place, k, lane]` of each row.
void WeightUses::rewriteProduct(RewriterBase &rewriter, const Product &product, Value panels) {
  linalg::GenericOp op = product.op;
  Location loc = op.getLoc();
  if (memref::SubViewOp slice = product.slice) {
    rewriter.setInsertionPoint(slice);
    OpFoldResult zero = rewriter.getIndexAttr(0), one = rewriter.getIndexAttr(1);
    auto [first, count] = panelsOf(rewriter, slice);
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

void WeightUses::rewriteLoad(RewriterBase &rewriter, memref::LoadOp load, Value panels) {
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

void WeightUses::replaceDims(RewriterBase &rewriter) {
  for (memref::DimOp dim : dims) {
    rewriter.setInsertionPoint(dim);
    auto type = cast<MemRefType>(dim.getSource().getType());
    rewriter.replaceOpWithNewOp<arith::ConstantIndexOp>(dim,
                                                        type.getDimSize(*dim.getConstantIndex()));
  }
}

/// What a product reads, whole.
static Value weightOf(const Product &product) {
  memref::SubViewOp slice = product.slice;
  return slice ? slice.getSource() : product.operand->get();
}

void WeightUses::packAsStored(RewriterBase &rewriter) {
  DenseMap<Value, Value> panelsOf;
  for (attn::WeightOp op : ops) {
    rewriter.setInsertionPoint(op);
    panelsOf[op] = createPacked(rewriter, op);
  }
  for (const Product &product : products)
    rewriteProduct(rewriter, product, panelsOf[weightOf(product)]);
  for (memref::LoadOp load : loads)
    rewriteLoad(rewriter, load, panelsOf[load.getMemref()]);
}

//===------------------------------------------------------------------------------------------===//
// Quantised panels
//===------------------------------------------------------------------------------------------===//

/// Why the weight is not quantised, if it is packed.
std::optional<std::string> WeightUses::obstacleToFewBits() const {
  Type element = cast<ShapedType>(first().getType()).getElementType();
  if (!element.isF32() && !element.isF16() && !element.isBF16())
    return "its elements are no floats of at most 32 bits";
  for (const Product &product : products)
    if (!product.accumulator.isF32())
      return "a contraction sums up its products in more than 32 bits";
  return std::nullopt;
}

std::optional<attn::WeightFormat> WeightUses::format() const {
  if (!wanted || obstacleToFewBits())
    return std::nullopt;
  return loads.empty() ? wanted : attn::WeightFormat::Q8;
}

void WeightUses::reportFormat() const {
  std::string name = "'" + first().getName().str() + "'";
  std::optional<std::string> why = obstacle();
  if (!why && products.empty())
    why = "no contraction reads it";
  else if (!why)
    why = obstacleToFewBits();
  if (why)
    return fovea::remark(first(), "weights", name + " is not quantised: " + *why);
  if (format() != wanted)
    fovea::remark(ops.front(), "weights",
                  name + " is quantised as " + attn::stringifyWeightFormat(*format()) +
                      ": its elements are gathered too");
}

/// A narrow weight's element is widened again behind the load; in between it is not rounded.
void WeightUses::replaceLoad(RewriterBase &rewriter, memref::LoadOp load,
                             const QuantizedFactor &factor) {
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

void WeightUses::packQuantized(RewriterBase &rewriter, attn::WeightFormat format) {
  DenseMap<Value, QuantizedFactor> factorOf;
  for (attn::WeightOp op : ops) {
    rewriter.setInsertionPoint(op);
    factorOf[op] = createQuantizedWeight(rewriter, op, panelDim, shape, format);
  }
  for (const Product &product : products) {
    QuantizedFactor factor = factorOf[weightOf(product)];
    memref::SubViewOp slice = product.slice;
    if (slice) {
      rewriter.setInsertionPoint(slice);
      auto [first, count] = panelsOf(rewriter, slice);
      factor = slicePanels(rewriter, slice.getLoc(), factor, first, count);
    }
    readQuantized(rewriter, product.op, *product.operand, product.row, product.k, factor);
    if (slice && slice->use_empty())
      rewriter.eraseOp(slice);
  }
  for (memref::LoadOp load : loads)
    replaceLoad(rewriter, load, factorOf[load.getMemref()]);
}

/// Two siblings read half as many panels of each weight at once.
void WeightUses::chooseStreams() {
  if (shape.streams % 2 == 0 &&
      llvm::all_of(products, [&](const Product &use) { return siblings.contains(use.op); }))
    shape.streams /= 2;
}

void WeightUses::pack(RewriterBase &rewriter) {
  chooseStreams();
  replaceDims(rewriter);
  if (std::optional<attn::WeightFormat> few = format())
    packQuantized(rewriter, *few);
  else
    packAsStored(rewriter);
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
      uses.pack(rewriter);
  }
}
