// attn.sample on buffers: a loop over rows around what EmitSamplingRow.cpp emits for one.
#include "passes/sampling/EmitSampling.h"
#include "dialect/Philox.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/Passes.h"

using namespace mlir;
using namespace fovea;

namespace fovea {
#define GEN_PASS_DEF_EMITSAMPLINGPASS
#include "passes/Passes.h.inc"
} // namespace fovea

namespace {
/// 32-bit words of the Philox state.
struct PhiloxEmitter {
  EmitBuilder &b;

  Value word(uint32_t value) {
    return arith::ConstantOp::create(b, b.getIntegerAttr(b.getI32Type(), APInt(32, value)));
  }
  Value low(Value wide) { return arith::TruncIOp::create(b, b.getI32Type(), wide); }
  Value high(Value wide) {
    Value shift = arith::ConstantOp::create(b, b.getI64IntegerAttr(32));
    return low(arith::ShRUIOp::create(b, wide, shift));
  }
  Value mix(Value a, Value x, Value key) {
    return arith::XOrIOp::create(b, arith::XOrIOp::create(b, a, x), key);
  }
  std::array<Value, 4> round(std::array<Value, 4> c, Value key0, Value key1) {
    auto product0 = arith::MulUIExtendedOp::create(b, word(philox::multiplier0), c[0]);
    auto product1 = arith::MulUIExtendedOp::create(b, word(philox::multiplier1), c[2]);
    return {mix(product1.getHigh(), c[1], key0), product1.getLow(),
            mix(product0.getHigh(), c[3], key1), product0.getLow()};
  }
};
} // namespace

Value fovea::emitUniform(EmitBuilder &b, Value seed, Value index) {
  PhiloxEmitter p{b};
  std::array<Value, 4> counter = {p.low(index), p.high(index), p.word(0), p.word(0)};
  Value key0 = p.low(seed), key1 = p.high(seed);
  for (int i = 0; i < philox::rounds; ++i) {
    counter = p.round(counter, key0, key1);
    key0 = arith::AddIOp::create(b, key0, p.word(philox::keyStep0));
    key1 = arith::AddIOp::create(b, key1, p.word(philox::keyStep1));
  }
  Value bits = arith::ShRUIOp::create(b, counter[0], p.word(philox::uniformShift));
  Value number = arith::UIToFPOp::create(b, b.getF64Type(), bits);
  return arith::MulFOp::create(b, number, b.constant(b.getF64Type(), philox::uniformScale));
}

static void emitSample(EmitBuilder &b, attn::SampleOp op, const TargetInfo &target) {
  Value ids = op.getInits()[0];
  Value rows = b.dim(op.getLogits(), 0);
  SamplingScratch scratch = SamplingScratch::create(b, op);
  b.loop(b.index(0), rows, 1, [&](Value row) {
    Value token = SamplingRow(b, op, row, scratch, target).emit();
    Type type = getElementTypeOrSelf(ids);
    Value id = type.isIndex() ? token : arith::IndexCastOp::create(b, type, token);
    memref::StoreOp::create(b, id, ids, row);
  });
}

namespace {
struct EmitSamplingPass : fovea::impl::EmitSamplingPassBase<EmitSamplingPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

void EmitSamplingPass::runOnOperation() {
  const TargetInfo *info = requireTarget(getOperation(), target);
  if (!info)
    return signalPassFailure();
  SmallVector<attn::SampleOp> ops;
  getOperation().walk([&](attn::SampleOp op) {
    if (isa<MemRefType>(op.getLogits().getType()))
      ops.push_back(op);
  });
  for (attn::SampleOp op : ops) {
    EmitBuilder b(op.getLoc(), op);
    emitSample(b, op, *info);
    op.erase();
  }
}
