// attn.attention on buffers becomes loops over vectors; EmitAttentionKernel.h has the kernel.
// This file chooses between it and the kernel for few queries (EmitDecodeKernel.h), makes the loops
// over batch and heads around it, has keys packed in front, and says what the mask allowed.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/Passes.h"
#include "passes/Report.h"
#include "passes/attention/DistanceTables.h"
#include "passes/attention/EmitAttentionKernel.h"
#include "passes/attention/EmitDecodeKernel.h"
#include "passes/attention/PrepackAttention.h"
#include "passes/attention/StoredRows.h"
#include "passes/vector/RegionVectorizer.h"

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

/// Head h reads key and value head h / (H / G) (attention_s8).
static Value keyHead(EmitBuilder &b, AttentionOp op, Value head) {
  Value heads = b.dim(op.getQuery(), op.getQueryPermutation()[1]);
  Value keyHeads = b.dim(op.getKey(), op.getKeyPermutation()[1]);
  Value group = b.createOrFold<arith::DivUIOp>(heads, keyHeads);
  return b.createOrFold<arith::DivUIOp>(head, group);
}

static AttentionHead viewHead(EmitBuilder &b, AttentionOp op, Value batch, Value index,
                              const std::optional<PrepackedOperands> &packed) {
  AttentionHead head;
  head.batch = batch;
  head.head = index;
  Value grouped = keyHead(b, op, index);
  head.query = viewOf(b, op.getQuery(), op.getQueryPermutation(), {batch, index});
  head.key = viewOf(b, op.getKey(), op.getKeyPermutation(), {batch, grouped});
  head.value = viewOf(b, op.getValue(), op.getValuePermutation(), {batch, grouped});
  head.output = viewOf(b, op.getOutputInit(), op.getOutputPermutation(), {batch, index});
  if (Value weights = op.getWeightsInit())
    head.weights = viewOf(b, weights, {batch, index});
  if (Value lse = op.getLseInit())
    head.lse = viewOf(b, lse, {batch, index});
  if (Value sums = op.getColumnSumsInit())
    head.columnSums = viewOf(b, sums, {batch, index});
  if (Value sums = op.getBucketSumsInit())
    head.bucketSums = viewOf(b, sums, {batch, index});
  if (packed) {
    Value place[] = {b.add(packed->batch, batch), b.add(packed->head, grouped)};
    if (packed->keys)
      head.packedKeys = viewOf(b, packed->keys, place);
    if (packed->values)
      head.packedValues = viewOf(b, packed->values, place);
  }
  return head;
}

/// Scratch memory, and the loops over batch and heads with the kernel in them.
static void emitHeads(EmitBuilder &b, AttentionOp op, AttentionTile tile,
                      const MaskSummary &summary, const std::optional<PrepackedOperands> &packed,
                      const DistanceTables *distances = nullptr) {
  // The probabilities of a panel stay in cache until they are weights. Panels share nothing but the
  // packing of keys.
  bool packsOnce =
      packed || (takesKeysInPlace(op, tile) && takesValuesInPlace(op, tile.keysPerTile));
  if (op.getWeightsInit() && !op.getColumnChunk() && packsOnce)
    tile.panelsPerBlock = 1;
  AttentionKernel kernel(b, op, tile, summary, distances);
  kernel.allocateScratch(packed.has_value());
  SmallVector<int64_t> query = op.getQueryPermutation();
  Value batches = b.dim(op.getQuery(), query[0]), heads = b.dim(op.getQuery(), query[1]);
  b.loop(b.index(0), batches, 1, [&](Value batch) {
    b.loop(b.index(0), heads, 1,
           [&](Value head) { kernel.emitHead(viewHead(b, op, batch, head, packed)); });
  });
}

static AttentionTile tileFor(AttentionOp op, const TargetInfo &target,
                             std::optional<int64_t> rows) {
  int64_t valueDim = rowElements(op.getValue(), op.getValuePermutation()[3]);
  return chooseAttentionTile(
      target, op.getScoreType().getWidth(), rows,
      staticDim(op.getQuery(), op.getQueryPermutation()[3]),
      ShapedType::isDynamic(valueDim) ? std::nullopt : std::optional(valueDim), isWindowed(op));
}

static void emitFewRows(EmitBuilder &b, AttentionOp op, const AttentionTile &tile,
                        const MaskSummary &summary, const std::optional<SplitKeys> &split) {
  if (!DecodeKernel::supports(op, tile))
    return emitHeads(b, op, tile, summary, std::nullopt);
  DecodeKernel kernel(b, op, tile, summary);
  if (split)
    return kernel.emitSegment(*split);
  kernel.emit();
}

static void reportMask(AttentionOp op, const MaskSummary &summary, bool hasFewRows) {
  if (!op.hasMask())
    return;
  MaskBoundsEmitter bounds(op.getMask(), &summary);
  const MaskBlocks &blocks = bounds.getBlocks();
  std::string text = printMaskRegion(op.getMask(), blocks.getPredicate());
  if (blocks.isBounded())
    fovea::remark(op, "attention",
                  "key blocks are skipped or left untested by the mask " + text + ": " +
                      blocks.str() +
                      (hasFewRows && op.getFill()
                           ? "; few queries visit all keys, which the fill may give weights"
                           : ""));
  else
    fovea::remark(op, "attention", "every key is tested: the mask " + text + " bounds no block");
}

/// The number of queries of a head.
static Value countRows(EmitBuilder &b, AttentionOp op) {
  Value total = totalRows(b, op);
  return total ? total : b.dim(op.getQuery(), op.getQueryPermutation()[2]);
}

/// Decode and prefill may share one artefact: few rows take another kernel.
static void emitAttention(AttentionOp op, const TargetInfo &target) {
  int64_t few = target.lanes(op.getScoreType().getWidth());
  AttentionTile fewTile = tileFor(op, target, few);
  EmitBuilder b(op.getLoc(), op.getOperation());
  std::optional<int64_t> known = getConstantIntValue(countRows(b, op));
  std::optional<SplitKeys> split;
  bool hasFewRows = DecodeKernel::supports(op, fewTile) && (!known || *known <= few);
  if (hasFewRows)
    split = SplitKeys::create(op, fewTile, few);
  MaskSummary summary(op);
  reportMask(op, summary, hasFewRows);
  b.setInsertionPoint(op);
  AttentionTile tile = tileFor(op, target, staticDim(op.getQuery(), op.getQueryPermutation()[2]));
  std::optional<PrepackedOperands> packed;
  if (!known || *known > few)
    packed = prepackOperands(op, tile, summary, few);
  summary.emit(tile.width(), tile.keysPerBlock);
  DistanceTables distances(op, known, few);
  distances.emit(tile.width(), tile.lanes);
  Value isFew = split ? split->getIsFew()
                      : b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, countRows(b, op),
                                                      b.index(few));
  scf::IfOp branch = b.branch(
      isFew, [&] { emitFewRows(b, op, fewTile, summary, split); },
      [&] {
        distances.replaceTerms(b);
        emitHeads(b, op, tile, summary, packed, &distances);
      });
  if (branch)
    branch->setAttr("attn.kernel_name", b.getStringAttr("attention_few"));
  if (split)
    split->emitMerge(op);
  op.erase();
}

/// Why the op cannot be emitted; empty if it can.
static std::string findObstacle(AttentionOp op) {
  for (Value operand : {op.getQuery(), op.getKey(), op.getValue()})
    if (!isa<MemRefType>(operand.getType()))
      return "its operands are not in buffers";
  return "";
}

/// Says which functions are computed lane by lane.
static void reportScalarFunctions(AttentionOp op) {
  auto report = [&](StringRef name, Region &region, ArrayRef<unsigned> varying) {
    if (Operation *scalar = findScalarOp(region, varying))
      fovea::remark(op, "attention",
                    "the " + name + " function runs on one element at a time: " +
                        scalar->getName().getStringRef() + " has no form on vectors");
  };
  report("score", op.getScore(), {0, 3, 4});
  report("mask", op.getMask(), {2, 3});
  report("sink", op.getSink(), {2});
  report("bucket", op.getBucket(), {2, 3});
}

namespace {
struct EmitAttentionPass : fovea::impl::EmitAttentionPassBase<EmitAttentionPass> {
  using Base::Base;
  void runOnOperation() override {
    const TargetInfo *info = requireTarget(getOperation(), target);
    if (!info)
      return signalPassFailure();
    SmallVector<AttentionOp> ops;
    getOperation().walk([&](AttentionOp op) { ops.push_back(op); });
    for (AttentionOp op : ops) {
      if (std::string obstacle = findObstacle(op); !obstacle.empty()) {
        fovea::remark(op, "attention", "no kernel emitted: " + obstacle, Shortfall::NotFused);
        continue;
      }
      reportScalarFunctions(op);
      emitAttention(op, *info);
    }
  }
};
} // namespace
