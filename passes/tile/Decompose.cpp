// Expresses attn ops on tensors by linalg and tensor ops. Attention itself only on request: the
// fast route keeps it one op until it is on buffers.
#include "passes/tile/Decompose.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "passes/Passes.h"

using namespace mlir;

FloatType fovea::getComputeType(Value tensor) {
  if (getElementTypeOrSelf(tensor.getType()).isF64())
    return Float64Type::get(tensor.getContext());
  return Float32Type::get(tensor.getContext());
}

Value fovea::convertFloat(OpBuilder &b, Location loc, Value value, Type type) {
  unsigned from = value.getType().getIntOrFloatBitWidth(), to = type.getIntOrFloatBitWidth();
  if (value.getType() == type)
    return value;
  if (from < to)
    return arith::ExtFOp::create(b, loc, type, value);
  if (from > to)
    return arith::TruncFOp::create(b, loc, type, value);
  // f16 and bf16: neither holds the other.
  return arith::TruncFOp::create(b, loc, type,
                                 arith::ExtFOp::create(b, loc, b.getF32Type(), value));
}

Value fovea::createFloatConstant(OpBuilder &b, Location loc, Type type, double value) {
  return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
}

Value fovea::createFilled(OpBuilder &b, Location loc, ArrayRef<OpFoldResult> sizes, Type element,
                          double value) {
  Value empty = tensor::EmptyOp::create(b, loc, sizes, element);
  return linalg::FillOp::create(b, loc, createFloatConstant(b, loc, element, value), empty)
      .getResult(0);
}

Value fovea::createIsMinusInfinity(OpBuilder &b, Location loc, Value value) {
  Value infinity =
      createFloatConstant(b, loc, value.getType(), -std::numeric_limits<double>::infinity());
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, value, infinity);
}

Value fovea::createShiftedExp(OpBuilder &b, Location loc, Value score, Value maximum) {
  // A row of -inf alone must not compute -inf - -inf.
  Value zero = createFloatConstant(b, loc, maximum.getType(), 0.0);
  Value shift =
      arith::SelectOp::create(b, loc, createIsMinusInfinity(b, loc, maximum), zero, maximum);
  return math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, score, shift));
}

Value fovea::createSafeQuotient(OpBuilder &b, Location loc, Value numerator, Value sum) {
  Value zero = createFloatConstant(b, loc, sum.getType(), 0.0);
  Value isEmpty = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, sum, zero);
  Value quotient = arith::DivFOp::create(b, loc, numerator, sum);
  return arith::SelectOp::create(b, loc, isEmpty, zero, quotient);
}

Value fovea::inlineRegion(OpBuilder &b, Region &region, ValueRange arguments) {
  IRMapping mapping;
  mapping.map(region.getArguments(), arguments);
  for (Operation &op : region.front().without_terminator())
    b.clone(op, mapping);
  return mapping.lookupOrDefault(cast<attn::YieldOp>(region.front().getTerminator()).getValue());
}

Value fovea::createGeneric(OpBuilder &b, Location loc, ValueRange inputs, Value init,
                           ArrayRef<AffineMap> maps, BodyBuilder body) {
  SmallVector<utils::IteratorType> iterators;
  for (unsigned dim = 0; dim < maps.back().getNumDims(); ++dim)
    iterators.push_back(maps.back().getResultPosition(b.getAffineDimExpr(dim))
                            ? utils::IteratorType::parallel
                            : utils::IteratorType::reduction);
  auto generic = linalg::GenericOp::create(
      b, loc, init.getType(), inputs, init, maps, iterators,
      [&](OpBuilder &nested, Location loc, ValueRange arguments) {
        linalg::YieldOp::create(nested, loc, body(nested, loc, arguments));
      });
  return generic.getResult(0);
}

namespace fovea {
#define GEN_PASS_DEF_DECOMPOSEPASS
#include "passes/Passes.h.inc"

namespace {
struct DecomposePass : impl::DecomposePassBase<DecomposePass> {
  using Base::Base;

  void runOnOperation() override {
    // While windows can be seen.
    if (!attention && failed(flattenWindows(getOperation())))
      return signalPassFailure();
    if (!attention)
      unrollWindows(getOperation());
    RewritePatternSet patterns(&getContext());
    populateDecomposeSoftmaxPatterns(patterns);
    populateDecomposeMaskPatterns(patterns);
    populateDecomposeUnfoldPatterns(patterns);
    populateDecomposeRotaryPatterns(patterns);
    populateDecomposeCacheAppendPatterns(patterns);
    populateDecomposeQuantizeRowsPatterns(patterns);
    populateDecomposeDropoutPatterns(patterns);
    if (attention)
      populateDecomposeAttentionPatterns(patterns);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
    if (attention && failed(checkNoAttention()))
      signalPassFailure();
  }

  LogicalResult checkNoAttention() {
    WalkResult walk = getOperation()->walk([](attn::AttentionOp op) {
      if (op.getNumResults() == 0)
        return WalkResult::advance();
      op.emitOpError() << "cannot be decomposed: expected head counts known at compile time, got "
                       << op.getQuery().getType() << " and " << op.getKey().getType();
      return WalkResult::interrupt();
    });
    return failure(walk.wasInterrupted());
  }
};
} // namespace
} // namespace fovea
