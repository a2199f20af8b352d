// Turns every linalg op on buffers into a nest of loops whose innermost loop runs over vectors.
// An element's result depends only on its own inputs and, for reductions, on the size of the
// reduced dim: the tail of a row is computed by the same operations on vectors of one lane, so
// how an op was tiled changes no bit.
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/LaneEmitter.h"
#include "passes/Passes.h"
#include "passes/Report.h"

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

static void emitParallelRow(EmitBuilder &b, LaneEmitter &lanes, int64_t count, Value size) {
  Value whole = b.roundDown(size, count);
  b.loop(b.index(0), whole, count, [&](Value iv) { lanes.emitLanes(iv, count, {}); });
  if (count > 1)
    b.loop(whole, size, 1, [&](Value iv) { lanes.emitLanes(iv, 1, {}); });
}

namespace {
/// Emits the reductions of one row: several vectors of partial results, combined in an order
/// that depends on nothing but the number of lanes.
struct ReductionRow {
  EmitBuilder &b;
  LaneEmitter &lanes;
  const VectorPlan &plan;
  SmallVector<int64_t> reductions; // the inits that are reduced

  SmallVector<Value> neutral();
  /// `values` holds, for each of several accumulators in turn, one value a reduction.
  SmallVector<Value> advance(Value iv, ValueRange values);
  SmallVector<Value> combineAccumulators(SmallVector<Value> values);
  SmallVector<Value> reduceToOneLane(ArrayRef<Value> values);
  void emit(Value size);
};
} // namespace

SmallVector<Value> ReductionRow::neutral() {
  return llvm::map_to_vector(reductions, [&](int64_t i) -> Value {
    Operation *combiner = plan.combiners[i];
    VectorType type = lanes.accumulatorType(i, plan.lanes);
    TypedAttr scalar = *arith::getNeutralElement(combiner);
    if (auto value = dyn_cast<FloatAttr>(scalar))
      scalar = b.getFloatAttr(type.getElementType(), value.getValueAsDouble());
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, Attribute(scalar)));
  });
}

SmallVector<Value> ReductionRow::advance(Value iv, ValueRange values) {
  SmallVector<Value> next;
  for (size_t first = 0; first < values.size(); first += reductions.size()) {
    int64_t offset = first / reductions.size() * plan.lanes;
    llvm::append_range(next, lanes.emitLanes(b.add(iv, b.index(offset)), plan.lanes,
                                             values.slice(first, reductions.size())));
  }
  return next;
}

SmallVector<Value> ReductionRow::combineAccumulators(SmallVector<Value> values) {
  size_t count = reductions.size();
  while (values.size() > count) {
    for (size_t i = 0; i < count; ++i)
      values[values.size() - 2 * count + i] = lanes.combine(
          reductions[i], values[values.size() - 2 * count + i], values[values.size() - count + i]);
    values.resize(values.size() - count);
  }
  return values;
}

SmallVector<Value> ReductionRow::reduceToOneLane(ArrayRef<Value> values) {
  SmallVector<Value> totals;
  for (auto [i, value] : llvm::zip(reductions, values))
    totals.push_back(
        b.reduceLanes(value, [&](Value l, Value r) { return lanes.combine(i, l, r); }));
  return totals;
}

void ReductionRow::emit(Value size) {
  int64_t block = plan.lanes * plan.accumulators;
  SmallVector<Value> values;
  for (int64_t i = 0; i < plan.accumulators; ++i)
    llvm::append_range(values, neutral());
  Value blocks = b.roundDown(size, block), whole = b.roundDown(size, plan.lanes);
  auto step = [&](Value iv, ValueRange carried) { return advance(iv, carried); };
  values = combineAccumulators(b.loop(b.index(0), blocks, block, values, step));
  if (plan.accumulators > 1)
    values = b.loop(blocks, whole, plan.lanes, values, step);
  values = reduceToOneLane(values);
  if (plan.lanes > 1)
    values = b.loop(whole, size, 1, values,
                    [&](Value iv, ValueRange carried) { return lanes.emitLanes(iv, 1, carried); });
  for (auto [i, value] : llvm::zip(reductions, values))
    lanes.storeTotal(i, value);
}

static void emitRow(EmitBuilder &b, LaneEmitter &lanes, const VectorPlan &plan, Value size) {
  if (!plan.isReduction())
    return emitParallelRow(b, lanes, plan.lanes, size);
  ReductionRow row{b, lanes, plan, {}};
  for (auto [i, combiner] : llvm::enumerate(plan.combiners))
    if (combiner)
      row.reductions.push_back(i);
  row.emit(size);
}

/// Loops over all dims but the vector dim, in the order of the op, then the row.
static void emitNest(EmitBuilder &b, linalg::GenericOp op, const VectorPlan &plan) {
  SmallVector<Value> sizes = loopSizes(b, op), ivs(sizes.size());
  LaneEmitter lanes(b, op, plan);
  auto emitFrom = [&](auto &&self, unsigned dim) -> void {
    if (dim == plan.dim)
      return self(self, dim + 1);
    if (dim == sizes.size()) {
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
                               const TargetInfo &target) {
  std::string why;
  if (auto plan = planVectorization(op, target, why)) {
    EmitBuilder b(op.getLoc(), rewriter);
    b.setInsertionPoint(op);
    emitNest(b, op, *plan);
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
  const TargetInfo *info = findTarget(target);
  if (!info) {
    getOperation().emitError("unknown target '") << target << "'";
    return signalPassFailure();
  }
  SmallVector<Operation *> ops;
  getOperation().walk([&](Operation *op) {
    auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
    if ((linalgOp && linalgOp.hasPureBufferSemantics()) || isa<memref::CopyOp>(op))
      ops.push_back(op);
  });
  IRRewriter rewriter(&getContext());
  for (Operation *op : ops) {
    auto generic = toGeneric(rewriter, op);
    if (failed(generic)) {
      op->emitOpError("has no form as linalg.generic");
      return signalPassFailure();
    }
    if (failed(expandAffineApplies(rewriter, *generic)) ||
        failed(vectorize(rewriter, *generic, *info)))
      return signalPassFailure();
  }
}
