#include "passes/attention/SoftmaxConstants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace fovea;

double fovea::maskedExponent(attn::AttentionOp op) {
  if (!op.getFill())
    return -softmax::infinity;
  const llvm::fltSemantics &semantics = op.getScoreType().getFloatSemantics();
  double lowest = APFloat::getLargest(semantics, /*Negative=*/true).convertToDouble();
  return std::max(op.getMaskedScore() * softmax::log2e, lowest);
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
