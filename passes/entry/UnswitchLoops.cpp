// A branch that all iterations of a parallel loop take alike becomes a branch between two loops,
// each of which is a kernel of its own. Kernels for few and for many rows are compiled at once so,
// and what is shorter takes less than its share. Only branches that are all of the loop's work:
// what stands beside them is in both loops afterwards.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_UNSWITCHLOOPSPASS
#include "passes/Passes.h.inc"

static bool hasLoop(Region &region) {
  return region.walk([](LoopLikeOpInterface) { return WalkResult::interrupt(); }).wasInterrupted();
}

/// Whether all iterations compute the same.
static bool isUniform(Value value, scf::ForallOp loop) {
  if (loop.isDefinedOutsideOfLoop(value))
    return true;
  Operation *op = value.getDefiningOp();
  return op && op->getNumRegions() == 0 && isPure(op) &&
         llvm::all_of(op->getOperands(), [&](Value operand) { return isUniform(operand, loop); });
}

static void hoist(Value value, scf::ForallOp loop) {
  if (loop.isDefinedOutsideOfLoop(value))
    return;
  for (Value operand : value.getDefiningOp()->getOperands())
    hoist(operand, loop);
  value.getDefiningOp()->moveBefore(loop);
}

/// Null if the loop has none that is all of its work.
static scf::IfOp findUniformBranch(scf::ForallOp loop) {
  scf::IfOp found;
  for (Operation &op : loop.getBody()->without_terminator()) {
    if (op.getNumRegions() == 0)
      continue;
    auto branch = dyn_cast<scf::IfOp>(op);
    if (found || !branch || branch.getNumResults() != 0)
      return scf::IfOp();
    found = branch;
  }
  bool isWork = found && hasLoop(found.getThenRegion()) && hasLoop(found.getElseRegion());
  return isWork && isUniform(found.getCondition(), loop) ? found : scf::IfOp();
}

namespace {
/// The dims of a loop where the condition is known. Those of a single iteration are left out, since
/// folding them away later would copy the kernel.
struct Dims {
  SmallVector<OpFoldResult> lower, upper, step;
  SmallVector<BlockArgument> indices; // of the loop
};
} // namespace

/// A bound that the condition selects, where it is known.
static OpFoldResult resolve(OpFoldResult bound, Value condition, bool isTrue) {
  auto value = dyn_cast<Value>(bound);
  auto select = value ? value.getDefiningOp<arith::SelectOp>() : arith::SelectOp();
  if (!select || select.getCondition() != condition)
    return bound;
  return getAsOpFoldResult(isTrue ? select.getTrueValue() : select.getFalseValue());
}

static bool hasOneIteration(OpFoldResult lower, OpFoldResult upper) {
  std::optional<int64_t> first = getConstantIntValue(lower), end = getConstantIntValue(upper);
  return first && end && *end == *first + 1;
}

static Dims resolveDims(scf::ForallOp loop, Value condition, bool isTrue, IRMapping &map,
                        OpBuilder &b) {
  Dims dims;
  auto all = llvm::zip_equal(loop.getMixedLowerBound(), loop.getMixedUpperBound(),
                             loop.getMixedStep(), loop.getBody()->getArguments());
  for (auto [lowerBound, upperBound, step, index] : all) {
    OpFoldResult lower = resolve(lowerBound, condition, isTrue);
    OpFoldResult upper = resolve(upperBound, condition, isTrue);
    bool isOnly = dims.indices.empty() && index.getArgNumber() + 1 == loop.getRank();
    if (!isOnly && hasOneIteration(lower, upper)) {
      map.map(index, getValueOrCreateConstantIndexOp(b, loop.getLoc(), lower));
      continue;
    }
    dims.lower.push_back(lower);
    dims.upper.push_back(upper);
    dims.step.push_back(step);
    dims.indices.push_back(index);
  }
  return dims;
}

static void eraseDead(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
}

/// The loop as it runs where the condition is known. The branch taken is moved, so that no kernel
/// is copied.
static void specialize(OpBuilder &b, scf::ForallOp loop, scf::IfOp branch, bool isTrue) {
  Value condition = branch.getCondition();
  IRMapping map;
  Dims dims = resolveDims(loop, condition, isTrue, map, b);
  auto copy = scf::ForallOp::create(b, loop.getLoc(), dims.lower, dims.upper, dims.step,
                                    ValueRange(), std::nullopt);
  copy->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
  if (auto name = branch->getAttr("attn.kernel_name"); name && isTrue)
    copy->setAttr("attn.kernel_name", name);
  OpBuilder::InsertionGuard guard(b);
  Block *body = copy.getBody();
  b.setInsertionPoint(body->getTerminator());
  for (auto [before, now] : llvm::zip_equal(dims.indices, copy.getInductionVars()))
    map.map(before, now);
  map.map(condition, arith::ConstantIntOp::create(b, branch.getLoc(), isTrue, 1).getResult());
  Block *taken = isTrue ? branch.thenBlock() : branch.elseBlock();
  SmallVector<Value> known(loop.getInductionVars());
  known.push_back(condition);
  for (Operation &op : loop.getBody()->without_terminator()) {
    if (&op == branch) {
      body->getOperations().splice(b.getInsertionPoint(), taken->getOperations(), taken->begin(),
                                   std::prev(taken->end()));
      continue;
    }
    b.clone(op, map);
    llvm::append_range(known, op.getResults());
  }
  for (Value before : known)
    before.replaceUsesWithIf(
        map.lookup(before), [&](OpOperand &use) { return copy->isProperAncestor(use.getOwner()); });
  eraseDead(*body);
}

static void unswitch(scf::ForallOp loop, scf::IfOp branch) {
  hoist(branch.getCondition(), loop);
  OpBuilder b(loop);
  auto outer = scf::IfOp::create(b, branch.getLoc(), branch.getCondition(),
                                 /*withElseRegion=*/true);
  b.setInsertionPointToStart(outer.thenBlock());
  specialize(b, loop, branch, true);
  b.setInsertionPointToStart(outer.elseBlock());
  specialize(b, loop, branch, false);
  loop.erase();
}

namespace {
struct UnswitchLoopsPass : impl::UnswitchLoopsPassBase<UnswitchLoopsPass> {
  using Base::Base;
  void runOnOperation() override {
    SmallVector<scf::ForallOp> loops;
    getOperation().walk<WalkOrder::PreOrder>([&](scf::ForallOp loop) {
      if (loop.getOutputs().empty() && !loop.getMapping())
        loops.push_back(loop);
      return WalkResult::skip();
    });
    for (scf::ForallOp loop : loops)
      if (scf::IfOp branch = findUniformBranch(loop))
        unswitch(loop, branch);
  }
};
} // namespace
} // namespace fovea
