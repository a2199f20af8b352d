#include "passes/vector/EmitBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace fovea;

Value EmitBuilder::index(int64_t value) { return arith::ConstantIndexOp::create(*this, value); }

Value EmitBuilder::add(Value lhs, Value rhs) { return createOrFold<arith::AddIOp>(lhs, rhs); }

Value EmitBuilder::sub(Value lhs, Value rhs) { return createOrFold<arith::SubIOp>(lhs, rhs); }

Value EmitBuilder::mul(Value lhs, Value rhs) { return createOrFold<arith::MulIOp>(lhs, rhs); }

Value EmitBuilder::min(Value lhs, Value rhs) { return createOrFold<arith::MinSIOp>(lhs, rhs); }

Value EmitBuilder::roundDown(Value value, int64_t factor) {
  if (factor == 1)
    return value;
  return sub(value, createOrFold<arith::RemUIOp>(value, index(factor)));
}

Value EmitBuilder::roundUp(Value value, int64_t factor) {
  return roundDown(add(value, index(factor - 1)), factor);
}

Value EmitBuilder::divide(Value value, int64_t divisor) {
  return createOrFold<arith::DivUIOp>(value, index(divisor));
}

Value EmitBuilder::convertFloat(Value value, Type element) {
  Type from = getElementTypeOrSelf(value.getType()), to = element;
  if (from == element)
    return value;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    to = vector.clone(element);
  if (element.getIntOrFloatBitWidth() > from.getIntOrFloatBitWidth())
    return arith::ExtFOp::create(*this, to, value);
  return arith::TruncFOp::create(*this, to, value);
}

Value EmitBuilder::dim(Value memref, int64_t dim) {
  if (auto collapse = memref.getDefiningOp<memref::CollapseShapeOp>()) {
    Value product = index(1);
    SmallVector<ReassociationIndices> groups = collapse.getReassociationIndices();
    for (int64_t part : groups[dim])
      product = mul(product, this->dim(collapse.getSrc(), part));
    return product;
  }
  return createOrFold<memref::DimOp>(memref, dim);
}

Value EmitBuilder::constant(Type type, double value) {
  Type element = getElementTypeOrSelf(type);
  TypedAttr scalar = isa<FloatType>(element)
                         ? TypedAttr(getFloatAttr(element, value))
                         : TypedAttr(getIntegerAttr(element, static_cast<int64_t>(value)));
  if (auto vector = dyn_cast<VectorType>(type))
    scalar = DenseElementsAttr::get(vector, Attribute(scalar));
  return arith::ConstantOp::create(*this, scalar);
}

Value EmitBuilder::splat(Type type, Value scalar) {
  return isa<VectorType>(type) ? createOrFold<vector::BroadcastOp>(type, scalar) : scalar;
}

SmallVector<Value> EmitBuilder::loop(Value lower, Value upper, int64_t step, ValueRange inits,
                                     LoopBody body) {
  auto first = getConstantIntValue(lower), end = getConstantIntValue(upper);
  if (first && end && *first >= *end)
    return inits;
  if (first && end && *first + step >= *end)
    return body(lower, inits);
  auto loop = scf::ForOp::create(*this, lower, upper, index(step), inits);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!inits.empty())
    scf::YieldOp::create(*this, next);
  return loop.getResults();
}

void EmitBuilder::loop(Value lower, Value upper, int64_t step, function_ref<void(Value)> body) {
  loop(lower, upper, step, ValueRange(), [&](Value iv, ValueRange) {
    body(iv);
    return SmallVector<Value>();
  });
}

scf::IfOp EmitBuilder::branch(Value condition, function_ref<void()> then,
                              function_ref<void()> otherwise) {
  if (auto known = getConstantIntValue(condition)) {
    *known ? then() : otherwise();
    return scf::IfOp();
  }
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  then();
  setInsertionPointToStart(branch.elseBlock());
  otherwise();
  return branch;
}

/// The ops in front of the insertion point that `emit` adds.
static SmallVector<Operation *> collectOps(OpBuilder &b, function_ref<void()> emit) {
  Block *block = b.getInsertionBlock();
  Block::iterator end = b.getInsertionPoint();
  Operation *last = end == block->begin() ? nullptr : &*std::prev(end);
  emit();
  SmallVector<Operation *> ops;
  for (Operation &op :
       llvm::make_range(last ? std::next(last->getIterator()) : block->begin(), end))
    ops.push_back(&op);
  return ops;
}

void EmitBuilder::interleave(function_ref<void()> first, function_ref<void()> second) {
  SmallVector<Operation *> fixed = collectOps(*this, first), moved = collectOps(*this, second);
  if (fixed.empty())
    return;
  Operation *turn = nullptr, *last = nullptr;
  for (auto [number, op] : llvm::enumerate(moved)) {
    Operation *next = fixed[number * fixed.size() / moved.size()];
    op->moveAfter(next == turn ? last : next);
    turn = next;
    last = op;
  }
}

Value EmitBuilder::reduceLanes(Value vector, function_ref<Value(Value, Value)> combine,
                               int64_t left) {
  int64_t lanes = cast<VectorType>(vector.getType()).getNumElements();
  for (; lanes > left; lanes /= 2)
    vector = combine(slice(vector, 0, lanes / 2), slice(vector, lanes / 2, lanes / 2));
  return vector;
}

Value EmitBuilder::slice(Value vector, int64_t begin, int64_t count) {
  return vector::ShuffleOp::create(*this, vector, vector,
                                   llvm::to_vector(llvm::seq(begin, begin + count)));
}
