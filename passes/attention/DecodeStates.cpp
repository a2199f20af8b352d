#include "passes/attention/DecodeStates.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/attention/AttentionPacker.h"
#include "passes/attention/SoftmaxConstants.h"
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

Value DecodeStates::multiplyAdd(Value x, Value y, Value z) {
  if (!tile.fusedMultiplyAdd)
    return arith::AddFOp::create(b, arith::MulFOp::create(b, x, y).getResult(), z);
  if (isa<VectorType>(x.getType()))
    return vector::FMAOp::create(b, x, y, z);
  return math::FmaOp::create(b, x, y, z);
}

Value DecodeStates::larger(Value known, Value candidate) {
  Value wins = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, candidate, known);
  return arith::SelectOp::create(b, wins, candidate, known);
}

Value DecodeStates::finiteMaximum(Value maximum) {
  Value noKeys = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, maximum,
                                       b.constant(scoreType, -softmax::infinity));
  return arith::SelectOp::create(b, noKeys, b.constant(scoreType, 0.0), maximum);
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

/// whole * factor + part * partFactor. With a fill, values may have weighed something until a
/// larger score came.
Value DecodeStates::mergeValues(Value whole, Value factor, Value part, Value partFactor) {
  auto orForget = [&](Value x, Value by) -> Value {
    if (!op.getFill())
      return x;
    Value zero = b.constant(x.getType(), 0.0);
    Value forgets = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, by, zero);
    return arith::SelectOp::create(b, forgets, zero, x);
  };
  Value scaled = arith::MulFOp::create(b, orForget(whole, factor), factor);
  return multiplyAdd(orForget(part, partFactor), partFactor, scaled);
}

void DecodeStates::merge(const DecodeState &total, const DecodeState &part, Value row) {
  Value before = memref::LoadOp::create(b, total.maxima, row);
  Value partMaximum = memref::LoadOp::create(b, part.maxima, row);
  Value after = larger(before, partMaximum), finite = finiteMaximum(after);
  Value factor = exponential(before, finite), partFactor = exponential(partMaximum, finite);
  memref::StoreOp::create(b, after, total.maxima, row);
  Value sum = memref::LoadOp::create(b, total.sums, row);
  Value partSum = memref::LoadOp::create(b, part.sums, row);
  memref::StoreOp::create(b, mergeValues(sum, factor, partSum, partFactor), total.sums, row);
  Value factors = b.splat(vectorType, factor), partFactors = b.splat(vectorType, partFactor);
  b.loop(b.index(0), columns, tile.lanes, [&](Value column) {
    Value at[] = {row, column};
    Value merged =
        mergeValues(load(total.outputs, at), factors, load(part.outputs, at), partFactors);
    vector::StoreOp::create(b, merged, total.outputs, at);
  });
}

void DecodeStates::storeOutput(const DecodeState &state, Value row, Value output, Value query) {
  // A row without keys gives zeros (attention_s4).
  Value sum = memref::LoadOp::create(b, state.sums, row), zero = b.constant(scoreType, 0.0);
  Value noKeys = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, sum, zero);
  Value quotient = arith::DivFOp::create(b, b.constant(scoreType, 1.0), sum);
  Value reciprocal = arith::SelectOp::create(b, noKeys, zero, quotient);
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
  Value exponent = arith::MulFOp::create(b, maximum, b.constant(scoreType, softmax::ln2));
  if (op.getFill()) { // whose exponent may have been out of range
    Value isFill = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, maximum,
                                         b.constant(scoreType, maskedExponent(op)));
    Value fill = b.constant(scoreType, op.getMaskedScore());
    exponent = arith::SelectOp::create(b, isFill, fill, exponent);
  }
  return arith::AddFOp::create(b, exponent, math::LogOp::create(b, sum).getResult());
}
