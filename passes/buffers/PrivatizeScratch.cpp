// Takes allocations out of parallel loops. Each worker gets its own copy, so iterations that run
// at the same time never share scratch memory, and memory does not grow with the iterations.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "passes/Passes.h"
#include "passes/buffers/BufferSizes.h"
#include "passes/buffers/OutsideBounds.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_PRIVATIZESCRATCHPASS
#include "passes/Passes.h.inc"

/// Bytes of one copy of the buffer, rounded up to the alignment.
static FailureOr<Value> bytesOutside(OpBuilder &b, scf::ForallOp forall, memref::AllocOp alloc) {
  Location loc = alloc.getLoc();
  std::optional<int64_t> bytes = getStaticBytes(alloc.getType());
  if (!bytes)
    return alloc.emitOpError("takes more than 2^62 bytes");
  Value total = arith::ConstantIndexOp::create(b, loc, *bytes);
  for (Value size : alloc.getDynamicSizes()) {
    FailureOr<Value> bound = OutsideBounds(b, forall).of(size);
    if (failed(bound))
      return alloc.emitOpError("is scratch memory in a parallel loop, but its size has no bound "
                               "outside the loop");
    total = arith::MulIOp::create(b, loc, total, *bound);
  }
  Value unit = arith::ConstantIndexOp::create(b, loc, bufferAlignment);
  Value blocks = arith::CeilDivSIOp::create(b, loc, total, unit);
  return b.createOrFold<arith::MulIOp>(loc, blocks, unit);
}

static LogicalResult privatize(OpBuilder &b, scf::ForallOp forall) {
  SmallVector<memref::AllocOp> allocs;
  forall.walk([&](memref::AllocOp alloc) { allocs.push_back(alloc); });
  if (allocs.empty())
    return success();
  Location loc = forall.getLoc();
  b.setInsertionPoint(forall);
  SmallVector<Value> offsets; // of each buffer within a worker's copy
  Value stride = arith::ConstantIndexOp::create(b, loc, 0);
  for (memref::AllocOp alloc : allocs) {
    FailureOr<Value> bytes = bytesOutside(b, forall, alloc);
    if (failed(bytes))
      return failure();
    offsets.push_back(stride);
    stride = b.createOrFold<arith::AddIOp>(loc, stride, *bytes);
  }
  Value workers = attn::WorkersOp::create(b, loc);
  Value size = b.createOrFold<arith::MulIOp>(loc, workers, stride);
  auto bytesType = MemRefType::get({ShapedType::kDynamic}, b.getI8Type());
  Value scratch = memref::AllocOp::create(b, loc, bytesType, ValueRange{size},
                                          b.getI64IntegerAttr(bufferAlignment));

  b.setInsertionPointToStart(forall.getBody());
  Value worker = attn::WorkerOp::create(b, loc);
  Value base = arith::MulIOp::create(b, loc, worker, stride);
  for (auto [alloc, offset] : llvm::zip_equal(allocs, offsets)) {
    b.setInsertionPoint(alloc);
    Value start = b.createOrFold<arith::AddIOp>(alloc.getLoc(), base, offset);
    Value view = memref::ViewOp::create(b, alloc.getLoc(), alloc.getType(), scratch, start,
                                        alloc.getDynamicSizes());
    alloc.replaceAllUsesWith(view);
    alloc.erase();
  }
  return success();
}

namespace {
struct PrivatizeScratchPass : impl::PrivatizeScratchPassBase<PrivatizeScratchPass> {
  using Base::Base;
  void runOnOperation() override {
    OpBuilder b(&getContext());
    SmallVector<scf::ForallOp> loops;
    getOperation().walk([&](scf::ForallOp forall) {
      if (!forall->getParentOfType<scf::ForallOp>())
        loops.push_back(forall);
    });
    for (scf::ForallOp forall : loops)
      if (failed(privatize(b, forall)))
        return signalPassFailure();
  }
};
} // namespace
} // namespace fovea
