#include "passes/attention/SoftmaxMath.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include <cmath>

using namespace mlir;
using namespace fovea;

static double lowestScore(attn::AttentionOp op) {
  const llvm::fltSemantics &semantics = op.getScoreType().getFloatSemantics();
  return APFloat::getLargest(semantics, /*Negative=*/true).convertToDouble();
}

double fovea::maskedExponent(attn::AttentionOp op) {
  if (!op.getFill())
    return -softmax::infinity;
  return std::max(op.getMaskedScore() * softmax::log2e, lowestScore(op));
}

static Value isEqual(EmitBuilder &b, Value x, double number) {
  return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, x, b.constant(x.getType(), number));
}

/// Whether an operand is such that 1.44 times the result may be infinite: a constant, or an element
/// of a tensor that is added or chosen. Slopes of positions are no such elements.
static bool isHuge(Operation &op, Value operand) {
  constexpr double huge = 1e37;
  APFloat constant(0.0);
  if (matchPattern(operand, m_ConstantFloat(&constant))) {
    double magnitude = std::abs(constant.convertToDouble());
    return magnitude > huge && std::isfinite(magnitude);
  }
  while (isa_and_nonnull<arith::ExtFOp, arith::TruncFOp, arith::NegFOp>(operand.getDefiningOp()))
    operand = operand.getDefiningOp()->getOperand(0);
  bool keeps = isa<arith::AddFOp, arith::SubFOp, arith::MinimumFOp, arith::MaximumFOp,
                   arith::SelectOp, attn::YieldOp>(op);
  return keeps && isa<FloatType>(operand.getType()) && operand.getDefiningOp<memref::LoadOp>();
}

static bool mayBeHuge(Operation &op) {
  return llvm::any_of(op.getOperands(), [&](Value operand) { return isHuge(op, operand); });
}

Value fovea::emitExponent(EmitBuilder &b, attn::AttentionOp op, Value score) {
  Type type = score.getType();
  Value product = arith::MulFOp::create(b, score, b.constant(type, softmax::log2e));
  if (llvm::none_of(op.getScore().front(), mayBeHuge))
    return product;
  Value isRemoved = isEqual(b, score, -softmax::infinity);
  Value bounded = arith::MaximumFOp::create(b, product, b.constant(type, lowestScore(op)));
  return arith::SelectOp::create(b, isRemoved, score, bounded);
}

Value fovea::emitQueryFactor(EmitBuilder &b, attn::AttentionOp op, Value headDim) {
  FloatType type = op.getScoreType();
  double base = op.hasScore() ? 1.0 : softmax::log2e;
  if (std::optional<double> scale = op.getStaticScale())
    return b.constant(type, *scale * base);
  Value dim = arith::IndexCastOp::create(b, b.getI64Type(), headDim);
  Value root = math::SqrtOp::create(b, arith::SIToFPOp::create(b, type, dim).getResult());
  return arith::DivFOp::create(b, b.constant(type, base), root);
}

Value fovea::emitMultiplyAdd(EmitBuilder &b, bool fused, Value x, Value y, Value z) {
  if (!fused)
    return arith::AddFOp::create(b, arith::MulFOp::create(b, x, y).getResult(), z);
  if (isa<VectorType>(x.getType()))
    return vector::FMAOp::create(b, x, y, z);
  return math::FmaOp::create(b, x, y, z);
}

Value fovea::emitLarger(EmitBuilder &b, Value known, Value candidate) {
  Value wins = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, candidate, known);
  return arith::SelectOp::create(b, wins, candidate, known);
}

Value fovea::emitFiniteMaximum(EmitBuilder &b, Value maximum) {
  Value noKeys = isEqual(b, maximum, -softmax::infinity);
  return arith::SelectOp::create(b, noKeys, b.constant(maximum.getType(), 0.0), maximum);
}

/// 0 with a fill where the factor is 0.
static Value orForget(EmitBuilder &b, attn::AttentionOp op, Value x, Value factor) {
  if (!op.getFill())
    return x;
  return arith::SelectOp::create(b, isEqual(b, factor, 0.0), b.constant(x.getType(), 0.0), x);
}

Value fovea::emitRescaled(EmitBuilder &b, attn::AttentionOp op, Value x, Value factor) {
  return arith::MulFOp::create(b, orForget(b, op, x, factor), factor);
}

Value fovea::emitMerged(EmitBuilder &b, attn::AttentionOp op, bool fused, Value whole, Value factor,
                        Value part, Value partFactor) {
  Value scaled = emitRescaled(b, op, whole, factor);
  return emitMultiplyAdd(b, fused, orForget(b, op, part, partFactor), partFactor, scaled);
}

Value fovea::emitMergedSum(EmitBuilder &b, bool fused, Value whole, Value factor, Value part,
                           Value partFactor) {
  Value scaled = arith::MulFOp::create(b, whole, factor);
  return emitMultiplyAdd(b, fused, part, partFactor, scaled);
}

Value fovea::emitReciprocal(EmitBuilder &b, Value sum) {
  Value noKeys = isEqual(b, sum, 0.0);
  Value quotient = arith::DivFOp::create(b, b.constant(sum.getType(), 1.0), sum);
  return arith::SelectOp::create(b, noKeys, b.constant(sum.getType(), 0.0), quotient);
}

Value fovea::emitLogSumExp(EmitBuilder &b, attn::AttentionOp op, Value maximum, Value sum) {
  Type type = maximum.getType();
  Value exponent = arith::MulFOp::create(b, maximum, b.constant(type, softmax::ln2));
  if (op.getFill()) { // whose exponent may have been out of range
    Value isFill = isEqual(b, maximum, maskedExponent(op));
    Value fill = b.constant(type, op.getMaskedScore());
    exponent = arith::SelectOp::create(b, isFill, fill, exponent);
  }
  return arith::AddFOp::create(b, exponent, math::LogOp::create(b, sum).getResult());
}
