#include "passes/RegionVectorizer.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/OpDefinition.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace fovea;

namespace {
class LaneCloner {
public:
  LaneCloner(EmitBuilder &b, int64_t lanes) : b(b), lanes(lanes) {}
  void map(Value from, Value to);
  void clone(Operation &op);
  /// What `value` of the region became, as a vector.
  Value onLanes(Value value);

private:
  SetVector<Value> varyingOperands(Operation &op);
  void cloneElementwise(Operation &op);
  void cloneEachLane(Operation &op);
  VectorType vectorOf(Type element) { return VectorType::get({lanes}, element); }

  EmitBuilder &b;
  int64_t lanes;
  IRMapping uniform; // to scalars
  IRMapping varying; // to vectors
};
} // namespace

void LaneCloner::map(Value from, Value to) {
  (from.getType() == to.getType() ? uniform : varying).map(from, to);
}

Value LaneCloner::onLanes(Value value) {
  if (Value vector = varying.lookupOrNull(value))
    return vector;
  return b.splat(vectorOf(value.getType()), uniform.lookupOrDefault(value));
}

/// Those of the op and of the ops nested in it.
SetVector<Value> LaneCloner::varyingOperands(Operation &op) {
  SetVector<Value> values;
  op.walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      if (varying.contains(operand))
        values.insert(operand);
  });
  return values;
}

void LaneCloner::cloneElementwise(Operation &op) {
  IRMapping operands;
  for (Value operand : op.getOperands())
    operands.map(operand, onLanes(operand));
  Operation *onVectors = b.clone(op, operands);
  for (auto [from, to] : llvm::zip(op.getResults(), onVectors->getResults())) {
    to.setType(vectorOf(from.getType()));
    varying.map(from, to);
  }
}

void LaneCloner::cloneEachLane(Operation &op) {
  SetVector<Value> sources = varyingOperands(op);
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

void LaneCloner::clone(Operation &op) {
  if (varyingOperands(op).empty())
    b.clone(op, uniform);
  else if (OpTrait::hasElementwiseMappableTraits(&op))
    cloneElementwise(op);
  else
    cloneEachLane(op);
}

Value fovea::cloneOnLanes(EmitBuilder &b, Region &region, ValueRange arguments, int64_t lanes) {
  LaneCloner cloner(b, lanes);
  Block &block = region.front();
  for (auto [from, to] : llvm::zip_equal(block.getArguments(), arguments))
    cloner.map(from, to);
  for (Operation &op : block.without_terminator())
    cloner.clone(op);
  return cloner.onLanes(block.getTerminator()->getOperand(0));
}
