// attn.attention on buffers becomes loops over vectors; EmitAttentionKernel.h has the kernel.
// This file makes the loops over batch and heads around it and says what the mask allowed.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/EmitAttentionKernel.h"
#include "passes/Passes.h"
#include "passes/Report.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::attn;

namespace fovea {
#define GEN_PASS_DEF_EMITATTENTIONPASS
#include "passes/Passes.h.inc"
} // namespace fovea

static std::optional<int64_t> staticDim(Value memref, int64_t dim) {
  int64_t size = cast<MemRefType>(memref.getType()).getDimSize(dim);
  return ShapedType::isDynamic(size) ? std::nullopt : std::optional(size);
}

/// The part of `memref` at `indices` of its first dims in canonical order: the other dims, in
/// canonical order too.
static Value sliceOf(EmitBuilder &b, Value memref, ArrayRef<int64_t> perm, ValueRange indices) {
  auto type = cast<MemRefType>(memref.getType());
  int64_t rank = type.getRank(), leading = indices.size();
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0)), strides(rank, b.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes = memref::getMixedSizes(b, b.getLoc(), memref);
  for (auto [canonical, index] : llvm::enumerate(indices)) {
    offsets[perm[canonical]] = getAsOpFoldResult(index);
    sizes[perm[canonical]] = b.getIndexAttr(1);
  }
  SmallVector<int64_t> kept(perm.drop_front(leading)), inMemory = kept;
  llvm::sort(inMemory);
  auto [shape, dynamic] =
      decomposeMixedValues(llvm::map_to_vector(inMemory, [&](int64_t dim) { return sizes[dim]; }));
  MemRefType viewType =
      memref::SubViewOp::inferRankReducedResultType(shape, type, offsets, sizes, strides);
  Value view = memref::SubViewOp::create(b, viewType, memref, offsets, sizes, strides);
  if (kept == inMemory)
    return view;
  return memref::TransposeOp::create(
      b, view,
      AffineMapAttr::get(AffineMap::getPermutationMap(ArrayRef<int64_t>{1, 0}, b.getContext())));
}

/// Head h reads key and value head h / (H / G) (attention_s8).
static Value keyHead(EmitBuilder &b, AttentionOp op, Value head) {
  Value heads = b.dim(op.getQuery(), op.getQueryPermutation()[1]);
  Value keyHeads = b.dim(op.getKey(), op.getKeyPermutation()[1]);
  Value group = b.createOrFold<arith::DivUIOp>(heads, keyHeads);
  return b.createOrFold<arith::DivUIOp>(head, group);
}

static AttentionHead viewHead(EmitBuilder &b, AttentionOp op, Value batch, Value index) {
  AttentionHead head;
  head.batch = batch;
  head.head = index;
  Value grouped = keyHead(b, op, index);
  head.query = sliceOf(b, op.getQuery(), op.getQueryPermutation(), {batch, index});
  head.key = sliceOf(b, op.getKey(), op.getKeyPermutation(), {batch, grouped});
  head.value = sliceOf(b, op.getValue(), op.getValuePermutation(), {batch, grouped});
  head.output = sliceOf(b, op.getOutputInit(), op.getOutputPermutation(), {batch, index});
  if (Value weights = op.getWeightsInit())
    head.weights = sliceOf(b, weights, {0, 1, 2, 3}, {batch, index});
  if (Value lse = op.getLseInit())
    head.lse = sliceOf(b, lse, {0, 1, 2}, {batch, index});
  return head;
}

/// The loops over batch and heads with the kernel in them.
static void emitHeads(EmitBuilder &b, AttentionOp op, AttentionKernel &kernel) {
  SmallVector<int64_t> query = op.getQueryPermutation();
  Value batches = b.dim(op.getQuery(), query[0]), heads = b.dim(op.getQuery(), query[1]);
  b.loop(b.index(0), batches, 1, [&](Value batch) {
    b.loop(b.index(0), heads, 1,
           [&](Value head) { kernel.emitHead(viewHead(b, op, batch, head)); });
  });
}

static void emitAttention(AttentionOp op, const TargetInfo &target) {
  EmitBuilder b(op.getLoc(), op.getOperation());
  SmallVector<int64_t> query = op.getQueryPermutation(), value = op.getValuePermutation();
  int64_t bits = op.getScoreType().getWidth();
  std::optional<int64_t> rows = staticDim(op.getQuery(), query[2]);
  auto makeKernel = [&](std::optional<int64_t> atMostRows) {
    AttentionTile tile =
        chooseAttentionTile(target, bits, atMostRows, staticDim(op.getQuery(), query[3]),
                            staticDim(op.getValue(), value[3]));
    AttentionKernel kernel(b, op, tile);
    kernel.allocateScratch();
    return kernel;
  };
  AttentionKernel kernel = makeKernel(rows);
  if (rows) {
    emitHeads(b, op, kernel);
  } else {
    // Decode and prefill may share one artefact: few rows take narrow panels.
    int64_t few = target.lanes(bits);
    AttentionKernel narrow = makeKernel(few);
    Value isFew = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle,
                                                b.dim(op.getQuery(), query[2]), b.index(few));
    b.branch(isFew, [&] { emitHeads(b, op, narrow); }, [&] { emitHeads(b, op, kernel); });
  }
  op.erase();
}

/// Why the op cannot be emitted; empty if it can.
static std::string findObstacle(AttentionOp op) {
  for (Value operand : {op.getQuery(), op.getKey(), op.getValue()})
    if (!isa<MemRefType>(operand.getType()))
      return "its operands are not in buffers";
  return "";
}

static void reportMask(AttentionOp op) {
  if (!op.hasMask())
    return;
  MaskBoundsEmitter bounds(op.getMask());
  std::string text = printMaskRegion(op.getMask(), bounds.getPredicate());
  if (bounds.boundsKeys())
    fovea::remark(op, "attention", "key blocks are skipped or left untested by the mask " + text);
  else
    fovea::remark(op, "attention",
                  "every key is tested: the mask " + text + " bounds no positions");
}

namespace {
struct EmitAttentionPass : fovea::impl::EmitAttentionPassBase<EmitAttentionPass> {
  using Base::Base;
  void runOnOperation() override {
    const TargetInfo *info = findTarget(target);
    if (!info) {
      getOperation().emitError() << "unknown target '" << target
                                 << "', expected generic, avx2, avx512 or neon";
      return signalPassFailure();
    }
    SmallVector<AttentionOp> ops;
    getOperation().walk([&](AttentionOp op) { ops.push_back(op); });
    for (AttentionOp op : ops) {
      if (std::string obstacle = findObstacle(op); !obstacle.empty()) {
        fovea::remark(op, "attention", "no kernel emitted: " + obstacle);
        continue;
      }
      reportMask(op);
      emitAttention(op, *info);
    }
  }
};
} // namespace
