#include "passes/raise/SliceMover.h"
#include "passes/raise/AttentionMatch.h"
#include "passes/tensors/DimSizes.h"

using namespace mlir;
using namespace fovea;

bool fovea::keepsPlaces(linalg::LinalgOp op) {
  return op.hasPureTensorSemantics() && op.getNumDpsInits() == 1 && !op.hasIndexSemantics() &&
         (op.getNumReductionLoops() > 0 ||
          !op.payloadUsesValueFromOperand(op.getDpsInitOperand(0))) &&
         llvm::all_of(op.getIndexingMapsArray(),
                      [](AffineMap map) { return map.isProjectedPermutation(); });
}

/// The init of what is computed instead of `tensor`, filled as the whole one is.
Value SliceMover::takeInit(Value init, Value tensor, ArrayRef<DimPart> parts) {
  SmallVector<OpFoldResult> sizes;
  for (auto [part, size] : llvm::zip(parts, getDimSizes(b, loc, tensor)))
    if (!part.isDropped)
      sizes.push_back(part.isWhole ? size : foldConstant(b, part.size));
  Value empty = tensor::EmptyOp::create(b, loc, sizes, getElementTypeOrSelf(tensor.getType()));
  auto fill = init.getDefiningOp<linalg::FillOp>();
  return fill ? linalg::FillOp::create(b, loc, fill.getInputs(), empty).getResult(0) : empty;
}

Value SliceMover::takeSoftmax(attn::SoftmaxOp op, ArrayRef<DimPart> parts, bool isScores) {
  Value source = take(op.getSource(), parts, isScores);
  Value init = takeInit(op.getInits().front(), op->getResult(0), parts);
  int64_t dim = llvm::count_if(parts.take_front(op.getDim()),
                               [](const DimPart &part) { return !part.isDropped; });
  return attn::SoftmaxOp::create(b, op.getLoc(), init.getType(), source, init, dim)->getResult(0);
}

Value SliceMover::takeMasked(attn::ApplyMaskOp op, ArrayRef<DimPart> parts, bool isScores) {
  Value scores = take(op.getScores(), parts, isScores), mask = op.getMask();
  auto type = cast<RankedTensorType>(mask.getType());
  OpFoldResult one = b.getIndexAttr(1);
  TensorParts partsOfMask(parts.take_back(type.getRank()));
  for (auto [part, size] : llvm::zip(partsOfMask, type.getShape()))
    if (size == 1) // read at 0 by all
      part = {!part.isDropped, part.isDropped, b.getIndexAttr(0), one, one};
  mask = sliceTensor(b, loc, mask, partsOfMask);
  Value init = takeInit(op.getInits().front(), op->getResult(0), parts);
  return attn::ApplyMaskOp::create(b, op.getLoc(), init.getType(), scores, mask, init,
                                   op.getFillAttr())
      ->getResult(0);
}

Value SliceMover::takeStructured(linalg::LinalgOp op, ArrayRef<DimPart> parts, bool isScores) {
  isScores &= op.getNumReductionLoops() == 0;
  OpOperand *init = op.getDpsInitOperand(0);
  TensorParts loops(op.getNumLoops(), DimPart());
  for (auto [part, loop] : llvm::zip(parts, op.getMatchingIndexingMap(init).getResults()))
    loops[cast<AffineDimExpr>(loop).getPosition()] = part;
  // Loops over dropped dims go.
  SmallVector<AffineExpr> renumbered;
  SmallVector<utils::IteratorType> iterators;
  for (auto [part, iterator] : llvm::zip(loops, op.getIteratorTypesArray())) {
    renumbered.push_back(b.getAffineDimExpr(iterators.size()));
    if (!part.isDropped)
      iterators.push_back(iterator);
  }
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (OpOperand &operand : op->getOpOperands()) {
    TensorParts operandParts;
    SmallVector<AffineExpr> results;
    for (AffineExpr loop : op.getMatchingIndexingMap(&operand).getResults()) {
      unsigned number = cast<AffineDimExpr>(loop).getPosition();
      operandParts.push_back(loops[number]);
      if (!loops[number].isDropped)
        results.push_back(renumbered[number]);
    }
    maps.push_back(AffineMap::get(iterators.size(), 0, results, b.getContext()));
    if (&operand != init)
      inputs.push_back(take(operand.get(), operandParts, isScores));
  }
  Value newInit = takeInit(init->get(), op->getResult(0), parts);
  auto body = [&](OpBuilder &inner, Location, ValueRange args) {
    IRMapping mapping;
    mapping.map(op.getBlock()->getArguments(), args);
    for (Operation &each : *op.getBlock())
      inner.clone(each, mapping);
  };
  return linalg::GenericOp::create(b, op.getLoc(), newInit.getType(), inputs, newInit, maps,
                                   iterators, body)
      .getResult(0);
}

Value SliceMover::take(Value tensor, ArrayRef<DimPart> parts, bool isScores) {
  if (areWhole(parts))
    return tensor;
  // Of a softmax all along its dim is needed.
  auto softmax = tensor.getDefiningOp<attn::SoftmaxOp>();
  if (softmax && parts[softmax.getDim()].isWhole)
    return takeSoftmax(softmax, parts, isScores);
  if (auto masked = tensor.getDefiningOp<attn::ApplyMaskOp>())
    return takeMasked(masked, parts, isScores);
  // Of what is in front of queries and keys, projections stay whole.
  auto op = tensor.getDefiningOp<linalg::LinalgOp>();
  if (op && keepsPlaces(op) && !isa<linalg::FillOp>(op) &&
      (op.getNumReductionLoops() == 0 || (isScores && matchContraction(op))))
    return takeStructured(op, parts, isScores);
  return sliceTensor(b, loc, tensor, parts);
}
