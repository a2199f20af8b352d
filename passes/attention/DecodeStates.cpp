#include "passes/attention/DecodeStates.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/attention/AttentionPacker.h"
#include "passes/attention/SoftmaxMath.h"
#include "passes/vector/Exp2Polynomial.h"

using namespace mlir;
using namespace fovea;

DecodeState fovea::viewOf(EmitBuilder &b, const DecodeState &states, ValueRange indices) {
  return {viewOf(b, states.outputs, indices), viewOf(b, states.maxima, indices),
          viewOf(b, states.sums, indices)};
}

DecodeState fovea::allocateStates(EmitBuilder &b, ArrayRef<OpFoldResult> shape, OpFoldResult rows,
                                  OpFoldResult columns, FloatType scoreType) {
  // Those of one task in cache lines of their own: they change with every block of keys.
  Value wholeLines = b.roundUp(getValueOrCreateConstantIndexOp(b, b.getLoc(), rows), 16);
  SmallVector<OpFoldResult> ofRows(shape), ofOutputs(shape);
  ofRows.push_back(getAsOpFoldResult(wholeLines));
  ofOutputs.append({rows, columns});
  return {allocateAligned(b, ofOutputs, scoreType), allocateAligned(b, ofRows, scoreType),
          allocateAligned(b, ofRows, scoreType)};
}

Value DecodeStates::load(Value memref, ValueRange at) {
  return vector::LoadOp::create(b, vectorType, memref, at);
}

Value DecodeStates::exponential(Value x, Value maximum) {
  return emitExp2(b, arith::SubFOp::create(b, x, maximum), tile.fusedMultiplyAdd);
}

void DecodeStates::clear(const DecodeState &state, Value row) {
  Value zero = b.constant(vectorType, 0.0);
  b.loop(b.index(0), columns, tile.lanes, [&](Value column) {
    vector::StoreOp::create(b, zero, state.outputs, ValueRange{row, column});
  });
  memref::StoreOp::create(b, b.constant(scoreType, -softmax::infinity), state.maxima, row);
  memref::StoreOp::create(b, b.constant(scoreType, 0.0), state.sums, row);
}

Value DecodeStates::mergeValues(Value whole, Value factor, Value part, Value partFactor) {
  return emitMerged(b, op, tile.fusedMultiplyAdd, whole, factor, part, partFactor);
}

void DecodeStates::merge(const DecodeState &total, const DecodeState &part, Value row) {
  Value before = memref::LoadOp::create(b, total.maxima, row);
  Value partMaximum = memref::LoadOp::create(b, part.maxima, row);
  Value after = emitLarger(b, before, partMaximum);
  Value finite = emitFiniteMaximum(b, after);
  Value factor = exponential(before, finite), partFactor = exponential(partMaximum, finite);
  memref::StoreOp::create(b, after, total.maxima, row);
  Value sum = memref::LoadOp::create(b, total.sums, row);
  Value partSum = memref::LoadOp::create(b, part.sums, row);
  Value merged = emitMergedSum(b, tile.fusedMultiplyAdd, sum, factor, partSum, partFactor);
  memref::StoreOp::create(b, merged, total.sums, row);
  Value factors = b.splat(vectorType, factor), partFactors = b.splat(vectorType, partFactor);
  b.loop(b.index(0), columns, tile.lanes, [&](Value column) {
    Value at[] = {row, column};
    Value merged =
        mergeValues(load(total.outputs, at), factors, load(part.outputs, at), partFactors);
    vector::StoreOp::create(b, merged, total.outputs, at);
  });
}

void DecodeStates::storeOutput(const DecodeState &state, Value row, Value output, Value query) {
  Value reciprocal = emitReciprocal(b, memref::LoadOp::create(b, state.sums, row));
  Type element = cast<MemRefType>(output.getType()).getElementType();
  b.loop(b.index(0), columns, tile.lanes, [&](Value column) {
    Value vector = load(state.outputs, {row, column});
    vector = arith::MulFOp::create(b, vector, b.splat(vectorType, reciprocal));
    vector::StoreOp::create(b, b.convertFloat(vector, element), output, ValueRange{query, column});
  });
}

Value DecodeStates::emitLse(const DecodeState &state, Value row) {
  Value maximum = memref::LoadOp::create(b, state.maxima, row);
  Value sum = memref::LoadOp::create(b, state.sums, row);
  return emitLogSumExp(b, op, maximum, sum);
}
