#include "passes/vector/RegionVectorizer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/OpDefinition.h"
#include "passes/vector/LaneDivision.h"
#include "passes/vector/LaneLoads.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace fovea;

/// The values that the op and those nested in it use.
static SetVector<Value> operandsOf(Operation &op) {
  SetVector<Value> values;
  op.walk([&](Operation *inner) { values.insert_range(inner->getOperands()); });
  return values;
}

//===----------------------------------------------------------------------===//
// Two parts
//===----------------------------------------------------------------------===//

LaneRegion::LaneRegion(EmitBuilder &b, Region &region, ValueRange known, int64_t lanes)
    : b(b), region(region), lanes(lanes) {
  Block &block = region.front();
  for (auto [argument, value] : llvm::zip_equal(block.getArguments(), known)) {
    if (value)
      map(argument, value);
    else
      unknown.push_back(argument);
  }
  for (Operation &op : block.without_terminator()) {
    if (isKnown(op))
      clone(op);
    else
      rest.push_back(&op);
  }
}

void LaneRegion::takeResultOf(Operation *op) {
  llvm::erase(rest, op);
  unknown.push_back(op->getResult(0));
}

Value LaneRegion::emit(ValueRange others) {
  for (auto [argument, value] : llvm::zip_equal(unknown, others))
    map(argument, value);
  for (Operation *op : rest)
    clone(*op);
  Value result = onLanes(region.front().getTerminator()->getOperand(0));
  // The next time the rest is made of other values.
  for (Value argument : unknown) {
    uniform.erase(argument);
    varying.erase(argument);
  }
  for (Operation *op : rest)
    for (Value value : op->getResults()) {
      uniform.erase(value);
      varying.erase(value);
    }
  return result;
}

/// Whether the op uses nothing of the region but what was mapped.
bool LaneRegion::isKnown(Operation &op) {
  return llvm::all_of(operandsOf(op), [&](Value value) {
    bool inside = value.getParentRegion() == &region;
    return !inside || uniform.contains(value) || varying.contains(value);
  });
}

void LaneRegion::map(Value from, Value to) {
  (from.getType() == to.getType() ? uniform : varying).map(from, to);
}

Value LaneRegion::onLanes(Value value) {
  if (Value vector = varying.lookupOrNull(value))
    return vector;
  return b.splat(vectorOf(value.getType()), uniform.lookupOrDefault(value));
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

void LaneRegion::cloneElementwise(Operation &op) {
  IRMapping operands;
  for (Value operand : op.getOperands())
    operands.map(operand, onLanes(operand));
  if (isIntegerDivision(op)) {
    varying.map(op.getResult(0), divideLanes(b, op, operands, varying.contains(op.getOperand(1))));
    return;
  }
  Operation *onVectors = b.clone(op, operands);
  for (auto [from, to] : llvm::zip(op.getResults(), onVectors->getResults())) {
    to.setType(vectorOf(from.getType()));
    varying.map(from, to);
  }
}

void LaneRegion::cloneLoad(Operation &op) {
  auto load = cast<memref::LoadOp>(op);
  SmallVector<Value> indices = llvm::map_to_vector(load.getIndices(), [&](Value index) {
    Value vector = varying.lookupOrNull(index);
    return vector ? vector : uniform.lookupOrDefault(index);
  });
  varying.map(load.getResult(), loadLanes(b, load.getMemref(), indices, lanes));
}

void LaneRegion::cloneEachLane(Operation &op) {
  SetVector<Value> sources = operandsOf(op);
  sources.remove_if([&](Value value) { return !varying.contains(value); });
  SmallVector<SmallVector<Value>> elements(op.getNumResults());
  for (int64_t lane = 0; lane < lanes; ++lane) {
    IRMapping operands = uniform;
    for (Value source : sources)
      operands.map(source, vector::ExtractOp::create(b, varying.lookup(source), lane));
    Operation *onLane = b.clone(op, operands);
    for (auto [of, result] : llvm::zip(elements, onLane->getResults()))
      of.push_back(result);
  }
  for (auto [from, of] : llvm::zip(op.getResults(), elements))
    varying.map(from, vector::FromElementsOp::create(b, vectorOf(from.getType()), of));
}

static bool runsOnVectors(Operation &op) {
  return OpTrait::hasElementwiseMappableTraits(&op) || isa<memref::LoadOp>(op);
}

void LaneRegion::clone(Operation &op) {
  if (llvm::none_of(operandsOf(op), [&](Value value) { return varying.contains(value); }))
    b.clone(op, uniform);
  else if (isa<memref::LoadOp>(op))
    cloneLoad(op);
  else if (runsOnVectors(op))
    cloneElementwise(op);
  else
    cloneEachLane(op);
}

//===----------------------------------------------------------------------===//
// Uses
//===----------------------------------------------------------------------===//

Value fovea::cloneOnLanes(EmitBuilder &b, Region &region, ValueRange arguments, int64_t lanes) {
  return LaneRegion(b, region, arguments, lanes).emit({});
}

Operation *fovea::findScalarOp(Region &region, ArrayRef<unsigned> varying) {
  if (region.empty())
    return nullptr;
  llvm::DenseSet<Value> vectors;
  for (unsigned argument : varying)
    vectors.insert(region.getArgument(argument));
  for (Operation &op : region.front().without_terminator()) {
    if (llvm::none_of(operandsOf(op), [&](Value value) { return vectors.contains(value); }))
      continue;
    if (!runsOnVectors(op))
      return &op;
    vectors.insert_range(op.getResults());
  }
  return nullptr;
}
