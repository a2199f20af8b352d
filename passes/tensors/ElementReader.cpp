#include "passes/tensors/ElementReader.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "passes/tensors/DimSizes.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fovea;

Value ElementReader::constant(int64_t value) {
  Value &known = constants[value];
  if (!known)
    known = arith::ConstantIndexOp::create(builder, loc, value);
  return known;
}

SmallVector<Value> ElementReader::addIndices(Block &block, Value tensor) {
  SmallVector<Value> indices;
  for (int64_t size : cast<RankedTensorType>(tensor.getType()).getShape()) {
    Value any = block.addArgument(builder.getIndexType(), loc);
    indices.push_back(size == 1 ? constant(0) : any);
  }
  return indices;
}

Value ElementReader::read(Value tensor, ArrayRef<Value> given) {
  // One value a number, so that reading an element by other constants gives the same.
  SmallVector<Value> indices(given);
  for (Value &index : indices)
    if (std::optional<int64_t> number = getConstantIntValue(index))
      index = constant(*number);
  for (const Known &entry : known)
    if (entry.tensor == tensor && llvm::equal(entry.indices, indices))
      return entry.element;
  Value element = readUncached(tensor, indices);
  known.push_back({tensor, indices, element});
  return element;
}

Value ElementReader::readUncached(Value tensor, ArrayRef<Value> indices) {
  Operation *op = tensor.getDefiningOp();
  if (op && (!filter || filter(op)))
    if (Value element = readThrough(op, cast<OpResult>(tensor), indices))
      return element;
  return tensor::ExtractOp::create(builder, loc, tensor, indices);
}

//===----------------------------------------------------------------------===//
// Linalg
//===----------------------------------------------------------------------===//

Value ElementReader::apply(AffineExpr expr, ArrayRef<Value> values) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return values[dim.getPosition()];
  if (auto number = dyn_cast<AffineConstantExpr>(expr))
    return constant(number.getValue());
  return affine::AffineApplyOp::create(builder, loc, AffineMap::get(values.size(), 0, expr),
                                       values);
}

Value ElementReader::readOperand(OpOperand &operand, linalg::LinalgOp op, ArrayRef<Value> loops) {
  if (op.isScalar(&operand))
    return operand.get();
  SmallVector<Value> indices;
  for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults())
    indices.push_back(apply(expr, loops));
  return read(operand.get(), indices);
}

/// `value` of the body at the given loop indices: what it depends on is cloned, arguments are
/// read from their operands.
Value ElementReader::readBody(linalg::LinalgOp op, ArrayRef<Value> loops, Value value) {
  llvm::DenseMap<Value, Value> computed;
  std::function<Value(Value)> compute = [&](Value v) -> Value {
    if (Value &done = computed[v])
      return done;
    auto arg = dyn_cast<BlockArgument>(v);
    if (arg && arg.getOwner() == op.getBlock())
      return computed[v] = readOperand(op->getOpOperand(arg.getArgNumber()), op, loops);
    Operation *def = v.getDefiningOp();
    if (!def || def->getBlock() != op.getBlock())
      return computed[v] = v; // from outside
    if (auto index = dyn_cast<linalg::IndexOp>(def))
      return computed[v] = loops[index.getDim()];
    if (def->getNumRegions() != 0)
      return Value();
    IRMapping mapping;
    for (Value operand : def->getOperands()) {
      Value element = compute(operand);
      if (!element)
        return Value();
      mapping.map(operand, element);
    }
    return computed[v] =
               builder.clone(*def, mapping)->getResult(cast<OpResult>(v).getResultNumber());
  };
  return compute(value);
}

Value ElementReader::readLinalg(linalg::LinalgOp op, OpResult tensor, ArrayRef<Value> indices) {
  AffineMap map = op.getIndexingMapMatchingResult(tensor);
  if (op.getNumLoops() != op.getNumParallelLoops() || !map.isPermutation() ||
      !op.hasPureTensorSemantics())
    return Value();
  SmallVector<Value> loops(op.getNumLoops());
  for (auto [position, index] : llvm::enumerate(indices))
    loops[map.getDimPosition(position)] = index;
  Operation *yield = op.getBlock()->getTerminator();
  return readBody(op, loops, yield->getOperand(tensor.getResultNumber()));
}

Value ElementReader::readReduced(linalg::LinalgOp op, ArrayRef<Value> loops, Operation *&combiner) {
  Operation *yield = op.getBlock()->getTerminator();
  combiner = yield->getNumOperands() == 1 ? yield->getOperand(0).getDefiningOp() : nullptr;
  BlockArgument accumulator = op.getBlock()->getArguments().back();
  if (!combiner || combiner->getNumOperands() != 2 || !accumulator.hasOneUse() ||
      *accumulator.getUsers().begin() != combiner)
    return Value();
  return readBody(op, loops, combiner->getOperand(combiner->getOperand(0) == accumulator));
}

//===----------------------------------------------------------------------===//
// Other producers
//===----------------------------------------------------------------------===//

Value ElementReader::readRegion(Region &region, ArrayRef<Value> indices) {
  if (!region.hasOneBlock())
    return Value();
  IRMapping mapping;
  mapping.map(region.getArguments(), indices);
  for (Operation &op : region.front().without_terminator())
    builder.clone(op, mapping);
  return mapping.lookupOrDefault(region.front().getTerminator()->getOperand(0));
}

Value ElementReader::readElementwise(Operation *op, ArrayRef<Value> indices) {
  OperationState state(loc, op->getName());
  for (Value operand : op->getOperands())
    state.operands.push_back(isa<RankedTensorType>(operand.getType()) ? read(operand, indices)
                                                                      : operand);
  for (Type type : op->getResultTypes())
    state.types.push_back(getElementTypeOrSelf(type));
  state.attributes = op->getDiscardableAttrDictionary();
  state.propertiesAttr = op->getPropertiesAsAttribute();
  return builder.create(state)->getResult(0);
}

/// Reads with the last dims aligned and index 0 in dims of static size 1.
Value ElementReader::readBroadcast(Value tensor, ArrayRef<Value> indices) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<Value> aligned(indices.take_back(type.getRank()));
  for (auto [index, size] : llvm::zip(aligned, type.getShape()))
    if (size == 1)
      index = constant(0);
  return read(tensor, aligned);
}

Value ElementReader::readMasked(attn::ApplyMaskOp op, ArrayRef<Value> indices) {
  Value allowed = readBroadcast(op.getMask(), indices);
  Value score = read(op.getScores(), indices);
  auto fill = FloatAttr::get(cast<FloatType>(score.getType()), op.getFill().convertToDouble());
  Value masked = arith::ConstantOp::create(builder, loc, fill);
  return arith::SelectOp::create(builder, loc, allowed, score, masked);
}

Value ElementReader::readSlice(tensor::ExtractSliceOp slice, ArrayRef<Value> indices) {
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  SmallVector<Value> source;
  size_t next = 0;
  for (auto [dim, offset, stride] :
       llvm::enumerate(slice.getMixedOffsets(), slice.getMixedStrides())) {
    Value index = getValueOrCreateConstantIndexOp(builder, loc, offset);
    if (!dropped[dim]) {
      Value step = indices[next++];
      if (!isConstantIntValue(stride, 1))
        step = arith::MulIOp::create(builder, loc, step,
                                     getValueOrCreateConstantIndexOp(builder, loc, stride));
      index = isConstantIntValue(offset, 0)
                  ? step
                  : arith::AddIOp::create(builder, loc, index, step).getResult();
    }
    source.push_back(index);
  }
  return read(slice.getSource(), source);
}

Value ElementReader::readThrough(Operation *op, OpResult tensor, ArrayRef<Value> indices) {
  using ValueList = SmallVector<Value>;
  if (OpTrait::hasElementwiseMappableTraits(op) && op->getNumResults() == 1)
    return readElementwise(op, indices);
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case<arith::ConstantOp>([&](arith::ConstantOp dense) -> Value {
        auto splat = dyn_cast<SplatElementsAttr>(dense.getValue());
        if (!splat)
          return Value();
        return arith::ConstantOp::create(builder, loc, splat.getSplatValue<TypedAttr>());
      })
      .Case<linalg::FillOp>([&](linalg::FillOp fill) { return fill.getInputs().front(); })
      .Case<attn::CreateMaskOp>(
          [&](attn::CreateMaskOp mask) { return readRegion(mask.getPredicate(), indices); })
      .Case<tensor::GenerateOp>(
          [&](tensor::GenerateOp generate) { return readRegion(generate.getBody(), indices); })
      .Case<attn::ApplyMaskOp>([&](attn::ApplyMaskOp apply) { return readMasked(apply, indices); })
      .Case<linalg::LinalgOp>([&](linalg::LinalgOp op) { return readLinalg(op, tensor, indices); })
      .Case<tensor::CastOp>([&](tensor::CastOp cast) { return read(cast.getSource(), indices); })
      .Case<tensor::SplatOp>([&](tensor::SplatOp splat) { return splat.getInput(); })
      .Case<tensor::FromElementsOp>([&](tensor::FromElementsOp from) -> Value {
        return from.getElements().size() == 1 ? Value(from.getElements().front()) : Value();
      })
      .Case<tensor::ExpandShapeOp>([&](tensor::ExpandShapeOp expand) {
        ValueList source;
        for (const ReassociationIndices &group : expand.getReassociationIndices())
          source.push_back(
              linearizeIndex(builder, loc, expand.getMixedOutputShape(), group, indices));
        return read(expand.getSrc(), source);
      })
      .Case<tensor::CollapseShapeOp>([&](tensor::CollapseShapeOp collapse) {
        // Of rank 0 there are no groups, and all dims are of size 1.
        ValueList source(collapse.getSrcType().getRank(), constant(0));
        for (auto [group, index] : llvm::zip(collapse.getReassociationIndices(), indices))
          delinearizeIndex(builder, loc, collapse.getSrc(), group, index, source);
        return read(collapse.getSrc(), source);
      })
      .Case<tensor::ExtractSliceOp>(
          [&](tensor::ExtractSliceOp slice) { return readSlice(slice, indices); })
      .Default([](Operation *) { return Value(); });
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

/// Whether two results are of ops that do the same with their operands.
static bool areOfLikeOps(Value a, Value b) {
  Operation *x = a.getDefiningOp(), *y = b.getDefiningOp();
  return x && y && x->getName() == y->getName() && x->getNumRegions() == 0 &&
         x->getNumOperands() == y->getNumOperands() && x->getBlock() == y->getBlock() &&
         cast<OpResult>(a).getResultNumber() == cast<OpResult>(b).getResultNumber() &&
         x->getResultTypes() == y->getResultTypes() &&
         x->getAttrDictionary() == y->getAttrDictionary();
}

bool fovea::computedAlike(Value a, Value b) {
  SmallVector<std::pair<Value, Value>> work{{a, b}};
  llvm::DenseSet<std::pair<Value, Value>> seen;
  while (!work.empty()) {
    auto pair = work.pop_back_val();
    if (pair.first == pair.second || !seen.insert(pair).second)
      continue;
    if (!areOfLikeOps(pair.first, pair.second))
      return false;
    for (auto [x, y] : llvm::zip(pair.first.getDefiningOp()->getOperands(),
                                 pair.second.getDefiningOp()->getOperands()))
      work.emplace_back(x, y);
  }
  return true;
}
