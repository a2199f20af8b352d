#include "passes/contraction/WeightUses.h"
#include "passes/Report.h"
#include "passes/contraction/EmitContraction.h"
#include "passes/contraction/PanelProduct.h"

using namespace mlir;
using namespace fovea;

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
    dividedDim = *dim;
    shape = {tile.panels(), tile.lanes};
  } else if (dividedDim != *dim || shape.lanes != tile.lanes) {
    return fail("contractions read it in different layouts");
  }
  if (slice &&
      (!isTileOffset(slice.getMixedOffsets()[dividedDim], shape.rows()) ||
       !isConstantIntValue(slice.getMixedOffsets()[1 - dividedDim], 0) ||
       slice.getStaticSizes()[1 - dividedDim] != slice.getSourceType().getDimSize(1 - dividedDim)))
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

/// Two siblings read half as many panels of each weight at once.
PanelShape WeightUses::panelShape() const {
  PanelShape result = shape;
  if (shape.streams % 2 == 0 &&
      llvm::all_of(products, [&](const Product &use) { return siblings.contains(use.op); }))
    result.streams /= 2;
  return result;
}

//===------------------------------------------------------------------------------------------===//
// Few bits
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
