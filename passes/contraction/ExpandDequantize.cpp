// What no contraction takes of quantised weights, as arithmetic: elements that are gathered.
#include "dialect/QuantizedPanels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Passes.h"

using namespace mlir;
using namespace fovea;

namespace fovea {
#define GEN_PASS_DEF_EXPANDDEQUANTIZEPASS
#include "passes/Passes.h.inc"
} // namespace fovea

/// The half of the byte that holds the element, minus 8.
static Value selectHalf(OpBuilder &b, attn::DequantizeOp op) {
  Location loc = op.getLoc();
  Type i8 = b.getI8Type();
  auto index = [&](int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); };
  auto byte = [&](int64_t value) { return arith::ConstantIntOp::create(b, loc, value, 8); };
  Value place = arith::RemUIOp::create(b, loc, op.getPosition(), index(attn::quantizedGroup));
  Value half = arith::DivUIOp::create(b, loc, place, index(attn::quantizedGroup / 2));
  Value bits = arith::MulIOp::create(b, loc, half, index(4));
  Value shift = arith::IndexCastOp::create(b, loc, i8, bits);
  Value shifted = arith::ShRUIOp::create(b, loc, op.getByte(), shift);
  Value level = arith::AndIOp::create(b, loc, shifted, byte(15));
  return arith::SubIOp::create(b, loc, level, byte(8));
}

static void expand(IRRewriter &rewriter, attn::DequantizeOp op) {
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  Type f32 = rewriter.getF32Type();
  Value multiple =
      op.getFormat() == attn::WeightFormat::Q8 ? op.getByte() : selectHalf(rewriter, op);
  Value scale = arith::ExtFOp::create(rewriter, loc, f32, op.getScale());
  Value count = arith::SIToFPOp::create(rewriter, loc, f32, multiple);
  rewriter.replaceOpWithNewOp<arith::MulFOp>(op, scale, count);
}

namespace {
struct ExpandDequantizePass : fovea::impl::ExpandDequantizePassBase<ExpandDequantizePass> {
  using Base::Base;
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    getOperation().walk([&](attn::DequantizeOp op) { expand(rewriter, op); });
  }
};
} // namespace
