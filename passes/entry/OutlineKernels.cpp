// Moves every outermost scf.forall into a private function that attn.launch runs. The tasks of
// a launch are the iterations of the forall, numbered row-major over its dims; foralls inside
// foralls become serial loops of the enclosing kernel.
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Transforms.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/RegionUtils.h"
#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_OUTLINEKERNELSPASS
#include "passes/Passes.h.inc"

namespace {
/// Lower bounds, upper bounds and steps of a loop, a value a dim.
struct LoopBounds {
  SmallVector<Value> lower, upper, step;

  LoopBounds(OpBuilder &b, scf::ForallOp forall)
      : lower(forall.getLowerBound(b)), upper(forall.getUpperBound(b)), step(forall.getStep(b)) {}
};
} // namespace

/// Number of iterations of each dim: (upper - lower) / step, rounded up; at most 0 if there are
/// none. By an addition: a rounding division would have all of the kernel rewritten to expand it.
static SmallVector<Value> tripCounts(OpBuilder &b, Location loc, const LoopBounds &bounds) {
  SmallVector<Value> counts;
  for (auto [lower, upper, step] : llvm::zip_equal(bounds.lower, bounds.upper, bounds.step)) {
    Value extent = b.createOrFold<arith::SubIOp>(loc, upper, lower);
    Value one = arith::ConstantIndexOp::create(b, loc, 1);
    Value most = b.createOrFold<arith::SubIOp>(loc, step, one);
    Value sum = b.createOrFold<arith::AddIOp>(loc, extent, most);
    counts.push_back(b.createOrFold<arith::DivSIOp>(loc, sum, step));
  }
  return counts;
}

/// What the body needs from outside. Constants are cloned into the body instead.
static SmallVector<Value> capturedValues(scf::ForallOp forall) {
  OpBuilder b = OpBuilder::atBlockBegin(forall.getBody());
  llvm::SetVector<Value> above;
  getUsedValuesDefinedAbove(forall.getRegion(), above);
  SmallVector<Value> captured;
  for (Value value : above) {
    Operation *def = value.getDefiningOp();
    if (!def || !def->hasTrait<OpTrait::ConstantLike>()) {
      captured.push_back(value);
      continue;
    }
    Value inside = b.clone(*def)->getResult(0);
    value.replaceUsesWithIf(
        inside, [&](OpOperand &use) { return forall->isProperAncestor(use.getOwner()); });
  }
  return captured;
}

static func::FuncOp createKernel(OpBuilder &b, func::FuncOp caller, StringRef name,
                                 scf::ForallOp forall, ArrayRef<Value> captured) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(caller);
  SmallVector<Type> types(3, b.getIndexType());
  llvm::append_range(types, ValueRange(captured).getTypes());
  auto kernel = func::FuncOp::create(b, forall.getLoc(), name, b.getFunctionType(types, {}));
  kernel.setPrivate();
  kernel->setAttr("attn.kernel", b.getUnitAttr());
  kernel.addEntryBlock();
  return kernel;
}

/// The bounds inside the kernel: constants of the caller are made anew, others are captured.
static LoopBounds boundsInside(OpBuilder &b, LoopBounds bounds, const IRMapping &map) {
  for (SmallVector<Value> *values : {&bounds.lower, &bounds.upper, &bounds.step})
    for (Value &value : *values)
      if (std::optional<int64_t> constant = getConstantIntValue(value))
        value = arith::ConstantIndexOp::create(b, value.getLoc(), *constant);
      else
        value = map.lookup(value);
  return bounds;
}

/// Maps the indices of the loop to those of a task, counted row-major over the dims.
static void mapIndices(OpBuilder &b, scf::ForallOp forall, const LoopBounds &bounds,
                       ArrayRef<Value> counts, Value task, IRMapping &map) {
  Location loc = forall.getLoc();
  Value rest = task;
  for (int64_t dim = counts.size() - 1; dim >= 0; --dim) {
    Value index = rest;
    if (dim > 0) {
      index = arith::RemUIOp::create(b, loc, rest, counts[dim]);
      rest = arith::DivUIOp::create(b, loc, rest, counts[dim]);
    }
    Value scaled = b.createOrFold<arith::MulIOp>(loc, index, bounds.step[dim]);
    map.map(forall.getInductionVar(dim),
            b.createOrFold<arith::AddIOp>(loc, scaled, bounds.lower[dim]));
  }
}

/// Moves the body of `forall` to the end of that of `loop`, with `map` for what it has from
/// outside.
static void takeBody(scf::ForallOp forall, scf::ForOp loop, const IRMapping &map) {
  for (auto [from, to] : map.getValueMap())
    from.replaceUsesWithIf(
        to, [&](OpOperand &use) { return forall->isProperAncestor(use.getOwner()); });
  Block *body = forall.getBody(), *target = loop.getBody();
  target->getOperations().splice(target->getTerminator()->getIterator(), body->getOperations(),
                                 body->begin(), std::prev(body->end()));
}

/// Fills the kernel with `for task in [begin, end): body(indices of task)`.
static void fillKernel(OpBuilder &b, func::FuncOp kernel, scf::ForallOp forall,
                       const LoopBounds &outside, ArrayRef<Value> captured) {
  OpBuilder::InsertionGuard guard(b);
  Location loc = forall.getLoc();
  Block &entry = kernel.getBody().front();
  b.setInsertionPointToStart(&entry);
  IRMapping map;
  map.map(captured, entry.getArguments().drop_front(3));
  LoopBounds bounds = boundsInside(b, outside, map);
  SmallVector<Value> counts = tripCounts(b, loc, bounds);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  auto loop = scf::ForOp::create(b, loc, entry.getArgument(0), entry.getArgument(1), one);
  b.setInsertionPointToStart(loop.getBody());
  mapIndices(b, forall, bounds, counts, loop.getInductionVar(), map);
  takeBody(forall, loop, map);
  b.setInsertionPointToEnd(&entry);
  // Stores past the caches are not ordered with those that say that the task is done.
  WalkResult found = kernel.walk([](vector::StoreOp store) {
    return store.getNontemporal() ? WalkResult::interrupt() : WalkResult::advance();
  });
  if (found.wasInterrupted())
    LLVM::FenceOp::create(b, loc, LLVM::AtomicOrdering::seq_cst, StringRef());
  func::ReturnOp::create(b, loc);
  kernel.walk([&](attn::WorkerOp worker) {
    worker.replaceAllUsesWith(entry.getArgument(2));
    worker.erase();
  });
}

static void outline(OpBuilder &b, scf::ForallOp forall, SymbolTable &symbols) {
  auto caller = forall->getParentOfType<func::FuncOp>();
  SmallVector<Value> used = capturedValues(forall);
  // The bounds are needed inside too.
  llvm::SetVector<Value> needed(used.begin(), used.end());
  b.setInsertionPoint(forall);
  LoopBounds bounds(b, forall);
  for (ArrayRef<Value> values :
       {ArrayRef(bounds.lower), ArrayRef(bounds.upper), ArrayRef(bounds.step)})
    for (Value bound : values)
      if (!getConstantIntValue(bound))
        needed.insert(bound);
  SmallVector<Value> captured = needed.takeVector();

  auto kind = forall->getAttrOfType<StringAttr>("attn.kernel_name");
  std::string name = (caller.getName() + "." + (kind ? kind.getValue() : "kernel")).str();
  func::FuncOp kernel = createKernel(b, caller, name, forall, captured);
  symbols.insert(kernel); // makes the name unique
  fillKernel(b, kernel, forall, bounds, captured);

  Location loc = forall.getLoc();
  Value count = arith::ConstantIndexOp::create(b, loc, 1);
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  for (Value trips : tripCounts(b, loc, bounds)) {
    Value atLeastZero = b.createOrFold<arith::MaxSIOp>(loc, trips, zero);
    count = b.createOrFold<arith::MulIOp>(loc, count, atLeastZero);
  }
  attn::LaunchOp::create(b, loc, kernel.getName(), count, captured);
  forall.erase();
}

namespace {
struct OutlineKernelsPass : impl::OutlineKernelsPassBase<OutlineKernelsPass> {
  using Base::Base;
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    IRRewriter rewriter(&getContext());
    SmallVector<scf::ForallOp> outer, inner;
    getOperation().walk<WalkOrder::PreOrder>([&](scf::ForallOp forall) {
      (forall->getParentOfType<scf::ForallOp>() ? inner : outer).push_back(forall);
    });
    for (scf::ForallOp forall : llvm::reverse(inner)) {
      rewriter.setInsertionPoint(forall);
      if (failed(scf::forallToForLoop(rewriter, forall)))
        return signalPassFailure();
    }
    for (scf::ForallOp forall : outer) {
      if (!forall.getOutputs().empty()) {
        forall.emitOpError("still works on tensors: run attn-bufferize first");
        return signalPassFailure();
      }
      outline(rewriter, forall, symbols);
    }
    // What is left was in a loop of one iteration, which canonicalisation has taken away: the
    // caller runs it, and nothing else meanwhile.
    getOperation().walk([&](attn::WorkerOp worker) {
      rewriter.setInsertionPoint(worker);
      rewriter.replaceOpWithNewOp<arith::ConstantIndexOp>(worker, 0);
    });
  }
};
} // namespace
} // namespace fovea
