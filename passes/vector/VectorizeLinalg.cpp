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

/// Lanes of the vector dim for each iteration of the loop `line` in turn.
static void emitLines(EmitBuilder &b, LaneEmitter &lanes, const VectorPlan &plan, unsigned line,
                      ArrayRef<Value> sizes, SmallVector<Value> ivs) {
  forEachStep(b, plan, sizes[plan.dim], [&](Value iv, int64_t width) {
    b.loop(b.index(0), sizes[line], 1, [&](Value inLine) {
      ivs[line] = inLine;
      lanes.emitUniform(ivs);
      lanes.emitLanes(iv, width, {});
    });
  });
}

namespace {
/// Lanes of the vector dim for each iteration of the loop `line`, where lanes lie across lines: by
/// squares, and what these leave.
struct SquareNest {
  EmitBuilder &b;
  LaneEmitter &lanes;
  const VectorPlan &plan;
  unsigned line;
  ArrayRef<Value> sizes;
  SmallVector<Value> ivs;

  void emit();
  void emitRest(Value firstLine, Value begin, Value end, int64_t width);
  int64_t columnsOfRun();
};
} // namespace

/// Of each line that is written some registers follow each other: memory takes neighbouring lines
/// faster than others. Lines of rows that are so short follow each other anyway, and there it is
/// those that are read.
int64_t SquareNest::columnsOfRun() {
  static constexpr int64_t registers = 4;
  std::optional<int64_t> size = getConstantIntValue(sizes[plan.dim]);
  return size && *size <= 2 * registers * plan.lanes ? plan.lanes : registers * plan.lanes;
}

void SquareNest::emitRest(Value firstLine, Value begin, Value end, int64_t width) {
  b.loop(begin, end, width, [&](Value iv) {
    b.loop(firstLine, sizes[line], 1, [&](Value inLine) {
      ivs[line] = inLine;
      lanes.emitUniform(ivs);
      lanes.emitLanes(iv, width, {});
    });
  });
}

void SquareNest::emit() {
  int64_t run = columnsOfRun(), step = lanes.squareColumns();
  int64_t wholeLine = std::max(step, lanes.lineElements(line));
  Value columns = b.roundDown(sizes[plan.dim], plan.lanes), lines = b.roundDown(sizes[line], step);
  b.loop(b.index(0), columns, run, [&](Value begin) {
    Value end = b.min(b.add(begin, b.index(run)), columns);
    b.loop(b.index(0), lines, wholeLine, [&](Value first) {
      Value next = b.add(first, b.index(wholeLine)), last = b.min(next, lines);
      b.loop(begin, end, plan.lanes, [&](Value iv) {
        ivs[line] = next;
        lanes.prefetchSquares(ivs, line, iv);
        b.loop(first, last, step, [&](Value inLine) {
          ivs[line] = inLine;
          lanes.emitSquare(ivs, line, iv);
        });
      });
    });
  });
  emitRest(lines, b.index(0), columns, plan.lanes);
  emitRest(b.index(0), columns, sizes[plan.dim], 1);
}

static bool storesWholeLines(const VectorPlan &plan, OpOperand &operand) {
  Type element = getElementTypeOrSelf(operand.get());
  return element.isIntOrFloat() &&
         plan.lanes * element.getIntOrFloatBitWidth() % (8 * cacheLine) == 0;
}

/// One branch decides how all squares are stored. Past the caches lines go only whole: of parts of
/// them that come one after the other, with others between, each is a transfer.
static void emitSquares(EmitBuilder &b, linalg::GenericOp op, const VectorPlan &plan,
                        const RowStreams &streams, unsigned line, ArrayRef<Value> sizes,
                        ArrayRef<Value> ivs) {
  auto emitAs = [&](const RowStreams &way) {
    LaneEmitter lanes(b, op, plan, way);
    SquareNest{b, lanes, plan, line, sizes, llvm::to_vector(ivs)}.emit();
  };
  if (!streams.pastCaches || !storesWholeLines(plan, *streams.pastCaches))
    return emitAs({});
  b.branch(
      streams.isLarge,
      [&] { emitAs({b.constant(b.getI1Type(), 1), {}, streams.pastCaches}); }, [&] { emitAs({}); });
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
  std::optional<unsigned> alongLines = findLoopAlongLines(op, plan);
  RowStreams none;
  LaneEmitter lanes(b, op, plan, alongLines ? none : streams);
  auto emitFrom = [&](auto &&self, unsigned dim) -> void {
    if (dim == plan.dim || dim == alongLines)
      return self(self, dim + 1);
    if (dim == sizes.size()) {
      if (alongLines && lanes.readsSquares(*alongLines))
        return emitSquares(b, op, plan, streams, *alongLines, sizes, ivs);
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
