// Turns every linalg op on buffers into a nest of loops whose innermost loop runs over vectors.
// An element's result depends only on its own inputs and, for reductions, on the size of the
// reduced dim: the tail of a row is computed by the same operations on vectors of one lane, so
// how an op was tiled changes no bit.
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/Passes.h"
#include "passes/Report.h"
#include "passes/vector/DeferredStores.h"
#include "passes/vector/LaneEmitter.h"
#include "passes/vector/RowStreams.h"

using namespace mlir;
using namespace fovea;

namespace fovea {
#define GEN_PASS_DEF_VECTORIZELINALGPASS
#include "passes/Passes.h.inc"
} // namespace fovea

static SmallVector<Value> loopSizes(EmitBuilder &b, linalg::GenericOp op) {
  auto ranges = cast<linalg::LinalgOp>(*op).createLoopRanges(b, b.getLoc());
  return llvm::map_to_vector(ranges, [&](Range range) {
    return getValueOrCreateConstantIndexOp(b, b.getLoc(), range.size);
  });
}

/// Lanes of the loops over a row, each of which takes what the one before it left: several
/// registers, one register, one lane.
static SmallVector<int64_t> loopWidths(const VectorPlan &plan) {
  SmallVector<int64_t> widths = {plan.unroll * plan.lanes, plan.lanes, 1};
  widths.erase(llvm::unique(widths), widths.end());
  return widths;
}

/// Loops of so many lanes each over the vector dim.
static void forEachStep(EmitBuilder &b, const VectorPlan &plan, Value size,
                        llvm::function_ref<void(Value iv, int64_t width)> body) {
  Value begin = b.index(0);
  for (int64_t width : loopWidths(plan)) {
    Value end = b.roundDown(size, width);
    b.loop(begin, end, width, [&](Value iv) { body(iv, width); });
    begin = end;
  }
}

static void emitParallelRow(EmitBuilder &b, LaneEmitter &lanes, const VectorPlan &plan,
                            Value size) {
  forEachStep(b, plan, size, [&](Value iv, int64_t width) { lanes.emitLanes(iv, width, {}); });
}

/// The same for each iteration of the loop `line` in turn, or for as many at once as there are
/// lanes.
static void emitLines(EmitBuilder &b, LaneEmitter &lanes, const VectorPlan &plan, unsigned line,
                      ArrayRef<Value> sizes, SmallVector<Value> ivs) {
  forEachStep(b, plan, sizes[plan.dim], [&](Value iv, int64_t width) {
    Value begin = b.index(0);
    if (width == plan.lanes && lanes.readsSquares(line)) {
      Value end = b.roundDown(sizes[line], width);
      b.loop(begin, end, width, [&](Value inLine) {
        ivs[line] = inLine;
        lanes.emitSquare(ivs, line, iv);
      });
      begin = end;
    }
    b.loop(begin, sizes[line], 1, [&](Value inLine) {
      ivs[line] = inLine;
      lanes.emitUniform(ivs);
      lanes.emitLanes(iv, width, {});
    });
  });
}

namespace {
/// Emits the reductions of one row: lanes of partial results, combined in an order that depends on
/// nothing but their number.
struct ReductionRow {
  EmitBuilder &b;
  LaneEmitter &lanes;
  const VectorPlan &plan;
  SmallVector<int64_t> reductions; // the inits that are reduced

  Value neutral(int64_t reduction, int64_t width);
  void emit(Value size);
};
} // namespace

Value ReductionRow::neutral(int64_t reduction, int64_t width) {
  Operation *combiner = plan.combiners[reduction];
  VectorType type = lanes.accumulatorType(reduction, width);
  // LaneEmitter::combine keeps the old value where the new one is no number.
  if (isa<arith::MaxNumFOp>(combiner))
    return b.constant(type, -std::numeric_limits<double>::infinity());
  TypedAttr scalar = *arith::getNeutralElement(combiner);
  if (auto value = dyn_cast<FloatAttr>(scalar))
    scalar = b.getFloatAttr(type.getElementType(), value.getValueAsDouble());
  return arith::ConstantOp::create(b, DenseElementsAttr::get(type, Attribute(scalar)));
}

void ReductionRow::emit(Value size) {
  SmallVector<int64_t> widths = loopWidths(plan);
  SmallVector<Value> values = llvm::map_to_vector(
      reductions, [&](int64_t reduction) { return neutral(reduction, widths.front()); });
  Value begin = b.index(0);
  for (int64_t width : widths) {
    for (auto [reduction, value] : llvm::zip(reductions, values))
      value = b.reduceLanes(
          value, [&](Value l, Value r) { return lanes.combine(reduction, l, r); }, width);
    Value end = b.roundDown(size, width);
    values = b.loop(begin, end, width, values, [&](Value iv, ValueRange carried) {
      return lanes.emitLanes(iv, width, carried);
    });
    begin = end;
  }
  for (auto [reduction, value] : llvm::zip(reductions, values))
    lanes.storeTotal(reduction, value);
}

/// The sum so far is carried from vector to vector, in all lanes.
static void emitRunningRow(EmitBuilder &b, LaneEmitter &lanes, const VectorPlan &plan, Value size) {
  Value sum = lanes.loadRunning(), begin = b.index(0);
  for (int64_t width : loopWidths(plan)) {
    Value end = b.roundDown(size, width);
    Value inLanes = b.splat(VectorType::get({width}, sum.getType()), sum);
    auto last = b.loop(begin, end, width, inLanes, [&](Value iv, ValueRange carried) {
      return lanes.emitLanes(iv, width, carried);
    });
    sum = vector::ExtractOp::create(b, last.front(), 0);
    begin = end;
  }
  lanes.storeRunning(sum);
}

static void emitRow(EmitBuilder &b, LaneEmitter &lanes, const VectorPlan &plan, Value size) {
  if (plan.running)
    return emitRunningRow(b, lanes, plan, size);
  if (!plan.isReduction())
    return emitParallelRow(b, lanes, plan, size);
  ReductionRow row{b, lanes, plan, {}};
  for (auto [i, combiner] : llvm::enumerate(plan.combiners))
    if (combiner)
      row.reductions.push_back(i);
  row.emit(size);
}

/// Loops over all dims but the vector dim, in the order of the op, then the row. Where lanes lie
/// in as many lines of memory, the loop along these comes after the row: it finds in cache what the
/// step before has fetched.
static void emitNest(EmitBuilder &b, linalg::GenericOp op, const VectorPlan &plan,
                     const RowStreams &streams) {
  SmallVector<Value> sizes = loopSizes(b, op), ivs(sizes.size());
  LaneEmitter lanes(b, op, plan, streams);
  std::optional<unsigned> alongLines = findLoopAlongLines(op, plan);
  auto emitFrom = [&](auto &&self, unsigned dim) -> void {
    if (dim == plan.dim || dim == alongLines)
      return self(self, dim + 1);
    if (dim == sizes.size()) {
      if (alongLines)
        return emitLines(b, lanes, plan, *alongLines, sizes, ivs);
      lanes.emitUniform(ivs);
      return emitRow(b, lanes, plan, sizes[plan.dim]);
    }
    b.loop(b.index(0), sizes[dim], 1, [&](Value iv) {
      ivs[dim] = iv;
      self(self, dim + 1);
    });
  };
  emitFrom(emitFrom, 0);
}

static LogicalResult vectorize(IRRewriter &rewriter, linalg::GenericOp op,
                               const StreamDecision &streams, const TargetInfo &target) {
  std::string why;
  if (auto plan = planVectorization(op, target, why)) {
    EmitBuilder b(op.getLoc(), rewriter);
    b.setInsertionPoint(op);
    emitNest(b, op, *plan, emitStreams(b, op, *plan, streams, target));
    rewriter.eraseOp(op);
    return success();
  }
  if (op.getNumLoops() > 0)
    fovea::remark(op, "vectorize", "scalar loops: " + why, Shortfall::NotVectorized);
  rewriter.setInsertionPoint(op);
  if (failed(linalg::linalgOpToLoops(rewriter, op)))
    return op.emitOpError("cannot be written as loops");
  rewriter.eraseOp(op);
  return success();
}

/// Index arithmetic in bodies as arith, which has a form on vectors.
static LogicalResult expandAffineApplies(IRRewriter &rewriter, linalg::GenericOp op) {
  for (auto apply : llvm::make_early_inc_range(op.getBody()->getOps<affine::AffineApplyOp>())) {
    rewriter.setInsertionPoint(apply);
    auto expanded = affine::expandAffineMap(rewriter, apply.getLoc(), apply.getAffineMap(),
                                            apply.getOperands());
    if (!expanded)
      return apply.emitOpError("cannot be expanded to arithmetic");
    rewriter.replaceOp(apply, *expanded);
  }
  return success();
}

static FailureOr<linalg::GenericOp> toGeneric(IRRewriter &rewriter, Operation *op) {
  rewriter.setInsertionPoint(op);
  if (auto copy = dyn_cast<memref::CopyOp>(op)) {
    auto generic =
        linalg::makeMemRefCopyOp(rewriter, copy.getLoc(), copy.getSource(), copy.getTarget());
    rewriter.eraseOp(copy);
    return generic;
  }
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return generic;
  return linalg::generalizeNamedOp(rewriter, cast<linalg::LinalgOp>(op));
}

namespace {
struct VectorizeLinalgPass : fovea::impl::VectorizeLinalgPassBase<VectorizeLinalgPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

void VectorizeLinalgPass::runOnOperation() {
  const TargetInfo *info = requireTarget(getOperation(), target);
  if (!info)
    return signalPassFailure();
  StreamDecisions deferred = deferStores(getOperation(), *info);
  SmallVector<Operation *> ops;
  getOperation().walk([&](Operation *op) {
    auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
    if ((linalgOp && linalgOp.hasPureBufferSemantics()) || isa<memref::CopyOp>(op))
      ops.push_back(op);
  });
  IRRewriter rewriter(&getContext());
  SmallVector<linalg::GenericOp> generics;
  for (Operation *op : ops) {
    auto generic = toGeneric(rewriter, op);
    if (failed(generic)) {
      op->emitOpError("has no form as linalg.generic");
      return signalPassFailure();
    }
    generics.push_back(*generic);
  }
  StreamDecisions streams = decideStreams(getOperation());
  streams.insert(deferred.begin(), deferred.end());
  for (linalg::GenericOp op : generics)
    if (failed(expandAffineApplies(rewriter, op)) ||
        failed(vectorize(rewriter, op, streams.lookup(op), *info)))
      return signalPassFailure();
}
