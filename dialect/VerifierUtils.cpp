#include "dialect/VerifierUtils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/CallInterfaces.h"

using namespace mlir;
using namespace fovea::attn;

LogicalResult NamedSizes::unify(StringRef operand, ArrayRef<StringRef> letters,
                                ArrayRef<int64_t> shape) {
  for (auto [letter, size] : llvm::zip_equal(letters, shape)) {
    if (ShapedType::isDynamic(size))
      continue;
    auto [it, isNew] = known.try_emplace(letter, Known{size, operand});
    if (!isNew && it->second.size != size)
      return op->emitOpError() << label << ": expected " << letter << " of " << operand << " to be "
                               << it->second.size << " as in " << it->second.operand << ", got "
                               << size;
  }
  return success();
}

LogicalResult fovea::attn::checkRank(Operation *op, StringRef label, StringRef operand, Value value,
                                     int64_t rank) {
  int64_t got = cast<ShapedType>(value.getType()).getRank();
  if (got == rank)
    return success();
  return op->emitOpError() << label << ": expected " << operand << " to have rank " << rank
                           << ", got " << got;
}

LogicalResult fovea::attn::checkElementType(Operation *op, StringRef label, StringRef operand,
                                            Value value, Type expected) {
  Type got = cast<ShapedType>(value.getType()).getElementType();
  if (got == expected)
    return success();
  return op->emitOpError() << label << ": expected " << operand << " to have elements of type "
                           << expected << ", got " << got;
}

LogicalResult fovea::attn::checkDestination(DestinationStyleOpInterface op, size_t numInits) {
  if (size_t got = op.getDpsInits().size(); got != numInits)
    return op->emitOpError() << "destination_c2: expected " << numInits << " init"
                             << (numInits == 1 ? "" : "s") << ", got " << got;
  bool onTensors = isa<TensorType>(op.getDpsInits()[0].getType());
  for (Value operand : op->getOperands())
    if (isa<ShapedType>(operand.getType()) && isa<TensorType>(operand.getType()) != onTensors)
      return op->emitOpError() << "destination_c1: expected all operands to be "
                               << (onTensors ? "tensors" : "memrefs")
                               << " as the first init is, got " << operand.getType();
  return success();
}

LogicalResult fovea::attn::checkSameAsSource(Operation *op, StringRef label, Value source,
                                             Value init) {
  auto sourceType = cast<ShapedType>(source.getType()), initType = cast<ShapedType>(init.getType());
  if (sourceType.getElementType() == initType.getElementType() &&
      succeeded(verifyCompatibleShape(sourceType, initType)))
    return success();
  return op->emitOpError() << label << ": expected the init to have the shape and element type of "
                           << sourceType << ", got " << initType;
}

static LogicalResult checkWritesNothing(Operation *op, StringRef label, StringRef name,
                                        Region &region) {
  WalkResult walk = region.walk([&](Operation *inner) {
    // Ops with regions are judged by what is in them, calls once they are inlined.
    if (inner->hasTrait<OpTrait::HasRecursiveMemoryEffects>() || isa<CallOpInterface>(inner))
      return WalkResult::advance();
    auto effects = dyn_cast<MemoryEffectOpInterface>(inner);
    if (effects && (effects.hasNoEffect() || effects.onlyHasEffect<MemoryEffects::Read>()))
      return WalkResult::advance();
    op->emitOpError() << label << ": expected the " << name
                      << " region to have no side effects, got " << inner->getName();
    return WalkResult::interrupt();
  });
  return success(!walk.wasInterrupted());
}

LogicalResult fovea::attn::checkRegion(Operation *op, StringRef label, StringRef name,
                                       Region &region, TypeRange arguments, Type yielded) {
  if (region.empty())
    return success();
  if (TypeRange(region.getArgumentTypes()) != arguments)
    return op->emitOpError() << label << ": expected the " << name << " region to take ("
                             << arguments << "), got (" << region.getArgumentTypes() << ")";
  auto yield =
      dyn_cast_if_present<YieldOp>(region.front().empty() ? nullptr : &region.front().back());
  if (!yield || yield.getValue().getType() != yielded) {
    InFlightDiagnostic diagnostic = op->emitOpError()
                                    << label << ": expected the " << name << " region to yield a "
                                    << yielded << ", got ";
    if (yield)
      return diagnostic << yield.getValue().getType();
    return diagnostic << "no attn.yield";
  }
  return checkWritesNothing(op, label, name, region);
}

static LogicalResult checkDimExists(tensor::DimOp dim) {
  std::optional<int64_t> index = dim.getConstantIndex();
  auto type = dyn_cast<RankedTensorType>(dim.getSource().getType());
  if (!index || !type || (*index >= 0 && *index < type.getRank()))
    return success();
  return dim.emitError("dim ") << *index << " is out of range for " << type;
}

LogicalResult fovea::attn::checkDimsExist(Operation *root) {
  auto walk = root->walk([](tensor::DimOp dim) { return WalkResult(checkDimExists(dim)); });
  return success(!walk.wasInterrupted());
}
