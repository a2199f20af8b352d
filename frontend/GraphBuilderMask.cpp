// Masks as tensors: made from a predicate, and applied to scores.
#include "dialect/AttnOps.h"
#include "frontend/GraphBuilderDetail.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

GraphBuilder::TensorOrError GraphBuilder::createMask(ArrayRef<SymbolicDim> shape,
                                                     const RegionBuilder &predicate) {
  if (shape.empty() || !predicate)
    return makeError("create_mask: expected a predicate and a shape of rank 1 or more");
  Expected<Value> init = emptyTensor(shape, ir.getI1Type());
  if (!init)
    return init.takeError();
  auto op = attn::CreateMaskOp::create(ir, currentLoc, init->getType(), *init);
  SmallVector<Type> types(shape.size(), ir.getIndexType());
  if (llvm::Error error = buildRegion(predicate, addBlock(op.getPredicate(), types, currentLoc),
                                      ir.getI1Type(), "create_mask predicate")) {
    op.erase();
    return error;
  }
  return SymbolicTensor{op.getResult(0), SymbolicShape(shape)};
}

GraphBuilder::TensorOrError GraphBuilder::applyMask(const SymbolicTensor &scores,
                                                    const SymbolicTensor &mask, double fill) {
  if (llvm::Error error = checkFloat("apply_mask", "scores", scores))
    return error;
  if (llvm::Error error = checkElementType("apply_mask", "the mask", mask, ir.getI1Type()))
    return error;
  Expected<SymbolicShape> common = broadcastShapes("apply_mask", {scores.shape, mask.shape});
  if (!common)
    return common.takeError();
  if (*common != scores.shape)
    return makeError("apply_mask: expected a mask that broadcasts to " + formatShape(scores.shape) +
                     ", got " + mask.str());
  Expected<Value> init = emptyTensor(scores.shape, scores.elementType());
  if (!init)
    return init.takeError();
  auto op = attn::ApplyMaskOp::create(ir, currentLoc, init->getType(), scores.value, mask.value,
                                      *init, ir.getF64FloatAttr(fill));
  return SymbolicTensor{op.getResult(0), scores.shape};
}
