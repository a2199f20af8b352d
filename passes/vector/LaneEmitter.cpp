#include "passes/vector/LaneEmitter.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/vector/LaneLoads.h"

using namespace mlir;
using namespace fovea;

static VectorType lanesOf(Type element, int64_t lanes) { return VectorType::get({lanes}, element); }

/// The same memory seen as bytes. In memory an i1 is a byte of value 0 or 1, but a vector of i1
/// would be loaded as packed bits. Both types become the same descriptor in the LLVM dialect,
/// where the cast folds away.
static Value viewAsBytes(EmitBuilder &b, Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  auto bytes = MemRefType::Builder(type).setElementType(b.getI8Type());
  return UnrealizedConversionCastOp::create(b, MemRefType(bytes), memref).getResult(0);
}

static bool isBoolean(Value memref) {
  return cast<MemRefType>(memref.getType()).getElementType().isInteger(1);
}

static SmallVector<Value> indices(EmitBuilder &b, AffineMap map, ValueRange ivs) {
  return llvm::map_to_vector(map.getResults(), [&](AffineExpr expr) {
    return affine::expandAffineExpr(b, b.getLoc(), expr, ivs, {});
  });
}

SmallVector<Value> LaneEmitter::indicesAt(OpOperand &operand, Value iv) {
  SmallVector<Value> all = ivs;
  all[plan.dim] = iv;
  return indices(b, op.getMatchingIndexingMap(&operand), all);
}

void LaneEmitter::emitUniform(ArrayRef<Value> outerIvs) {
  ivs.assign(outerIvs.begin(), outerIvs.end());
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    if (plan.varying.contains(argument) || argument.use_empty())
      continue;
    if (!isa<MemRefType>(operand.get().getType())) {
      uniform.map(argument, operand.get());
      continue;
    }
    // No result of the map depends on the vector loop, so any value will do for it.
    auto load = memref::LoadOp::create(b, operand.get(), indicesAt(operand, b.index(0)));
    uniform.map(argument, load);
  }
  for (Operation &inner : op.getBody()->without_terminator()) {
    if (llvm::any_of(inner.getResults(), [&](Value v) { return plan.varying.contains(v); }))
      continue;
    if (auto index = dyn_cast<linalg::IndexOp>(inner))
      uniform.map(index.getResult(), ivs[index.getDim()]);
    else
      b.clone(inner, uniform);
  }
}

Value LaneEmitter::onLanes(Value value, int64_t lanes) {
  if (Value vector = lane.lookupOrNull(value))
    return vector;
  return b.splat(lanesOf(value.getType(), lanes), uniform.lookupOrDefault(value));
}

Value LaneEmitter::emitContiguousLoad(Value memref, ValueRange indices, int64_t lanes) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  if (!isBoolean(memref))
    return vector::LoadOp::create(b, lanesOf(element, lanes), memref, indices);
  VectorType bytes = lanesOf(b.getI8Type(), lanes);
  Value loaded = vector::LoadOp::create(b, bytes, viewAsBytes(b, memref), indices);
  return arith::TruncIOp::create(b, lanesOf(element, lanes), loaded);
}

/// Every `stride`th of elements that follow each other, out of as many vectors of them; the last one
/// ends with the last lane.
Value LaneEmitter::loadStrided(OpOperand &operand, Value iv, int64_t lanes, int64_t stride) {
  Value memref = viewAsMemoryElements(b, operand.get());
  VectorType type = lanesOf(cast<MemRefType>(memref.getType()).getElementType(), lanes);
  SmallVector<Value> at = indicesAt(operand, iv);
  Value first = at.back(), result;
  for (int64_t part = 0; part < stride; ++part) {
    int64_t begin = part + 1 < stride ? part * lanes : (lanes - 1) * stride + 1 - lanes;
    at.back() = b.add(first, b.index(begin));
    Value elements = vector::LoadOp::create(b, type, memref, at);
    SmallVector<int64_t> mask;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      bool isKnown = part > 0 && lane * stride < part * lanes;
      int64_t place = lane * stride - begin;
      mask.push_back(isKnown ? lane : place < lanes ? lanes + place : 0);
    }
    result = vector::ShuffleOp::create(b, result ? result : elements, elements, mask);
  }
  return fromMemory(b, result, getElementTypeOrSelf(operand.get()));
}

Value LaneEmitter::loadLanes(OpOperand &operand, Value iv, int64_t lanes) {
  static constexpr int64_t mostParts = 4;
  if (plan.operands[operand.getOperandNumber()] == Access::Contiguous)
    return emitContiguousLoad(operand.get(), indicesAt(operand, iv), lanes);
  if (Value vector = loaded.lookup(&operand))
    return vector;
  AffineMap map = op.getMatchingIndexingMap(&operand);
  std::optional<int64_t> stride = strideAlong(operand.get().getType(), map, plan.dim);
  if (lanes > 1 && stride && *stride > 1 && *stride <= std::min(mostParts, lanes) &&
      getElementTypeOrSelf(operand.get()).isIntOrFloat())
    return loadStrided(operand, iv, lanes, *stride);
  SmallVector<Value> elements;
  for (int64_t i = 0; i < lanes; ++i)
    elements.push_back(
        memref::LoadOp::create(b, operand.get(), indicesAt(operand, b.add(iv, b.index(i)))));
  return vector::FromElementsOp::create(b, lanesOf(elements[0].getType(), lanes), elements);
}

/// One branch decides for several registers, and for what is fetched beside them.
void LaneEmitter::storePastCaches(OpOperand &operand, Value iv, Value value) {
  auto type = cast<VectorType>(value.getType());
  SmallVector<Value> at = indicesAt(operand, iv);
  int64_t alignment = plan.lanes * type.getElementTypeBitWidth() / 8;
  b.branch(
      streams.isLarge,
      [&] {
        emitPrefetches(iv, type.getNumElements());
        vector::StoreOp::create(b, value, operand.get(), at, /*nontemporal=*/true,
                                llvm::MaybeAlign(alignment));
      },
      [&] { vector::StoreOp::create(b, value, operand.get(), at); });
}

/// Asks for the cache lines at `[iv, iv + lanes)` of the rows that are wanted later.
void LaneEmitter::emitPrefetches(Value iv, int64_t lanes) {
  static constexpr int64_t nearest = 3;
  for (const RowPrefetch &prefetch : streams.prefetches) {
    auto type = cast<MemRefType>(prefetch.row.getType());
    int64_t step = cacheLine * 8 / type.getElementTypeBitWidth();
    for (int64_t lane = 0; lane < lanes; lane += step) {
      SmallVector<Value> at = indicesAt(*prefetch.like, b.add(iv, b.index(lane)));
      memref::PrefetchOp::create(b, prefetch.row, at, prefetch.isWrite, nearest,
                                 /*isDataCache=*/true);
    }
  }
}

void LaneEmitter::storeLanes(OpOperand &operand, Value iv, Value value) {
  Value memref = operand.get();
  int64_t lanes = cast<VectorType>(value.getType()).getNumElements();
  if (plan.operands[operand.getOperandNumber()] == Access::Contiguous) {
    if (streams.pastCaches == &operand && lanes % plan.lanes == 0)
      return storePastCaches(operand, iv, value);
    SmallVector<Value> at = indicesAt(operand, iv);
    if (isBoolean(memref)) {
      memref = viewAsBytes(b, memref);
      value = arith::ExtUIOp::create(b, lanesOf(b.getI8Type(), lanes), value);
    }
    vector::StoreOp::create(b, value, memref, at);
    return;
  }
  for (int64_t i = 0; i < lanes; ++i) {
    Value element = vector::ExtractOp::create(b, value, i);
    memref::StoreOp::create(b, element, memref, indicesAt(operand, b.add(iv, b.index(i))));
  }
}

Value LaneEmitter::emitIndex(linalg::IndexOp index, Value iv, int64_t lanes) {
  VectorType type = lanesOf(b.getIndexType(), lanes);
  Value first = vector::BroadcastOp::create(b, type, iv);
  return arith::AddIOp::create(b, first, emitSteps(b, type));
}

Value LaneEmitter::firstOfConsecutive(Value value, Value iv) {
  Operation *definition = value.getDefiningOp();
  if (!definition || definition->getBlock() != op.getBody())
    return nullptr;
  if (auto index = dyn_cast<linalg::IndexOp>(definition))
    return index.getDim() == plan.dim ? iv : nullptr;
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(definition)) {
    Value first = firstOfConsecutive(definition->getOperand(0), iv);
    return first ? arith::IndexCastOp::create(b, value.getType(), first) : Value();
  }
  if (!isa<arith::AddIOp>(definition))
    return nullptr;
  Value lhs = definition->getOperand(0), rhs = definition->getOperand(1);
  if (plan.varying.contains(rhs))
    std::swap(lhs, rhs);
  if (plan.varying.contains(rhs))
    return nullptr;
  Value first = firstOfConsecutive(lhs, iv);
  return first ? b.add(first, uniform.lookupOrDefault(rhs)) : Value();
}

Value LaneEmitter::emitLoad(memref::LoadOp load, int64_t lanes) {
  auto varies = [&](Value v) { return plan.varying.contains(v); };
  Value memref = load.getMemref();
  if (load.getMemRefType().isLastDimUnitStride() &&
      llvm::none_of(load.getIndices().drop_back(), varies))
    if (Value first = firstOfConsecutive(load.getIndices().back(), laneIv)) {
      SmallVector<Value> at = llvm::map_to_vector(
          load.getIndices(), [&](Value v) { return uniform.lookupOrDefault(v); });
      at.back() = first;
      return emitContiguousLoad(memref, at, lanes);
    }
  SmallVector<Value> elements;
  for (int64_t i = 0; i < lanes; ++i) {
    SmallVector<Value> at = llvm::map_to_vector(load.getIndices(), [&](Value v) -> Value {
      if (!varies(v))
        return uniform.lookupOrDefault(v);
      return vector::ExtractOp::create(b, lane.lookup(v), i);
    });
    elements.push_back(memref::LoadOp::create(b, memref, at));
  }
  return vector::FromElementsOp::create(b, lanesOf(load.getType(), lanes), elements);
}

void LaneEmitter::emitOperation(Operation &inner, Value iv, int64_t lanes) {
  if (auto index = dyn_cast<linalg::IndexOp>(inner))
    return lane.map(index.getResult(), emitIndex(index, iv, lanes));
  if (auto load = dyn_cast<memref::LoadOp>(inner))
    return lane.map(load.getResult(), emitLoad(load, lanes));
  IRMapping operands;
  for (Value operand : inner.getOperands())
    operands.map(operand, onLanes(operand, lanes));
  Operation *onVectors = b.clone(inner, operands);
  for (auto [from, to] : llvm::zip(inner.getResults(), onVectors->getResults())) {
    to.setType(lanesOf(from.getType(), lanes));
    lane.map(from, to);
  }
}

/// The sums up to each lane, by doubling, and what was there before (Hillis and Steele, 1986).
Value LaneEmitter::emitRunningSum(Value before, int64_t lanes) {
  BlockArgument accumulator = op.getRegionOutputArgs()[plan.runningInit];
  bool isFirst = plan.running->getOperand(0) == accumulator;
  Value sums = onLanes(plan.running->getOperand(isFirst ? 1 : 0), lanes);
  auto type = cast<VectorType>(sums.getType());
  auto add = [&](Value lhs, Value rhs) -> Value {
    if (isa<FloatType>(type.getElementType()))
      return arith::AddFOp::create(b, lhs, rhs);
    return arith::AddIOp::create(b, lhs, rhs);
  };
  Value nothing = isa<FloatType>(type.getElementType()) ? b.constant(type, -0.0) : b.constant(type, 0);
  for (int64_t shift = 1; shift < lanes; shift *= 2) {
    SmallVector<int64_t> mask;
    for (int64_t i = 0; i < lanes; ++i)
      mask.push_back(i < shift ? lanes : i - shift);
    sums = add(vector::ShuffleOp::create(b, sums, nothing, mask), sums);
  }
  return add(before, sums);
}

Value LaneEmitter::loadRunning() {
  OpOperand &operand = *op.getDpsInitOperand(plan.runningInit);
  return memref::LoadOp::create(b, operand.get(), indicesAt(operand, b.index(0)));
}

void LaneEmitter::storeRunning(Value sum) {
  OpOperand &operand = *op.getDpsInitOperand(plan.runningInit);
  memref::StoreOp::create(b, sum, operand.get(), indicesAt(operand, b.index(0)));
}

SmallVector<Value> LaneEmitter::emitLanes(Value iv, int64_t lanes, ValueRange accumulators) {
  lane.clear();
  laneIv = iv;
  if (!streams.prefetches.empty() && !streams.pastCaches && lanes == plan.lanes * plan.unroll)
    b.branch(
        streams.isLarge, [&] { emitPrefetches(iv, lanes); }, [] {});
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    bool uniformAccess = plan.operands[operand.getOperandNumber()] == Access::Uniform;
    if (!uniformAccess && !argument.use_empty())
      lane.map(argument, loadLanes(operand, iv, lanes));
  }
  for (Operation &inner : op.getBody()->without_terminator()) {
    bool varies =
        llvm::any_of(inner.getResults(), [&](Value v) { return plan.varying.contains(v); });
    if (plan.running == &inner)
      lane.map(inner.getResult(0), emitRunningSum(accumulators.front(), lanes));
    else if (varies && !llvm::is_contained(plan.combiners, &inner))
      emitOperation(inner, iv, lanes);
  }
  SmallVector<Value> next;
  Operation *yield = op.getBody()->getTerminator();
  for (auto [i, combiner] : llvm::enumerate(plan.combiners)) {
    if (plan.runningInit == static_cast<int64_t>(i)) {
      Value sums = lane.lookup(plan.running->getResult(0));
      SmallVector<int64_t> last(lanes, lanes - 1);
      next.push_back(vector::ShuffleOp::create(b, sums, sums, last));
      continue;
    }
    if (!combiner) {
      storeLanes(*op.getDpsInitOperand(i), iv, onLanes(yield->getOperand(i), lanes));
      continue;
    }
    Value accumulator = op.getRegionOutputArgs()[i];
    Value term = combiner->getOperand(combiner->getOperand(0) == accumulator ? 1 : 0);
    Value vector = onLanes(term, lanes);
    if (VectorType wide = accumulatorType(i, lanes); wide != vector.getType())
      vector = arith::ExtFOp::create(b, wide, vector);
    next.push_back(combine(i, accumulators[next.size()], vector));
  }
  return next;
}

VectorType LaneEmitter::accumulatorType(int64_t index, int64_t lanes) {
  Type element = op.getRegionOutputArgs()[index].getType();
  bool narrow = isa<FloatType>(element) && element.getIntOrFloatBitWidth() < 32;
  return lanesOf(narrow ? b.getF32Type() : element, lanes);
}

Value LaneEmitter::combine(int64_t index, Value lhs, Value rhs) {
  Operation *combiner = plan.combiners[index];
  if (isa<arith::MaxNumFOp>(combiner)) {
    Value isAbove = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, rhs, lhs);
    return arith::SelectOp::create(b, isAbove, rhs, lhs);
  }
  IRMapping operands;
  operands.map(combiner->getOperand(0), lhs);
  operands.map(combiner->getOperand(1), rhs);
  Operation *combined = b.clone(*combiner, operands);
  combined->getResult(0).setType(lhs.getType());
  return combined->getResult(0);
}

void LaneEmitter::storeTotal(int64_t index, Value total) {
  OpOperand &operand = *op.getDpsInitOperand(index);
  SmallVector<Value> at = indicesAt(operand, b.index(0));
  Value scalar = vector::ExtractOp::create(b, total, 0);
  Value old = memref::LoadOp::create(b, operand.get(), at);
  bool narrow = old.getType() != scalar.getType();
  if (narrow)
    old = arith::ExtFOp::create(b, scalar.getType(), old);
  // The total is a number; of the old value nothing is known.
  Value result = combine(index, scalar, old);
  if (narrow)
    result = arith::TruncFOp::create(b, getElementTypeOrSelf(operand.get()), result);
  memref::StoreOp::create(b, result, operand.get(), at);
}
