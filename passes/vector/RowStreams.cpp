// A task computes one row in several loops. One of them fetches the next row, so that reading it
// costs no time of its own:
//
// - Without functions the loops are shorter than the transfers. The last one fetches, and stores
//   past the caches, which saves reading what is overwritten: a third of all transfers.
// - With functions (softmax) the loop that computes them fetches, what the last one will overwrite
//   too. Stores past the caches would wait in the last loop; written-back lines leave during the
//   next row's functions. So do stores past the caches that are deferred (DeferredStores.h).
//
// An op alone reads as it goes, which the CPU foresees by itself; the same rule decides its stores,
// of several rows too.
#include "passes/vector/RowStreams.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace fovea;

/// Bytes of a row that is over before what it asked for has come.
static constexpr int64_t shortRowBytes = 2048;

namespace {
/// The ops of a parallel loop whose iterations are single rows.
class RowTask {
public:
  explicit RowTask(scf::ForallOp forall);

  void decide(StreamDecisions &decisions);

private:
  linalg::GenericOp findStorer();
  linalg::GenericOp findFetcher(linalg::GenericOp storer);
  bool isReadInside(Value root);

  scf::ForallOp forall;
  SmallVector<linalg::GenericOp> rowOps; // of more than single numbers
};
} // namespace

bool fovea::isOneNumber(Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  return type.hasStaticShape() && type.getNumElements() == 1;
}

bool fovea::hasRowFunctions(linalg::GenericOp op) {
  return op.getNumLoops() > 0 && hasFunctions(op, op.getNumLoops() - 1);
}

Value fovea::rootOf(Value memref) {
  while (auto view = memref.getDefiningOp<memref::SubViewOp>())
    memref = view.getSource();
  return memref;
}

bool fovea::beginsRow(Value row) {
  auto view = row.getDefiningOp<memref::SubViewOp>();
  if (!view)
    return false;
  auto type = cast<MemRefType>(view.getSource().getType());
  bool isMatrix = !view.getSource().getDefiningOp<memref::SubViewOp>() &&
                  type.getLayout().isIdentity() && type.getElementType().isIntOrFloat() &&
                  type.getElementTypeBitWidth() >= 8;
  return isMatrix && isConstantIntValue(view.getMixedOffsets().back(), 0) &&
         isConstantIntValue(view.getMixedStrides().back(), 1);
}

static bool isReduction(linalg::GenericOp op) {
  return llvm::is_contained(op.getIteratorTypesArray(), utils::IteratorType::reduction);
}

RowTask::RowTask(scf::ForallOp forall) : forall(forall) {
  for (auto op : forall.getBody()->getOps<linalg::GenericOp>())
    if (llvm::any_of(op->getOperands(), [](Value operand) {
          return isa<MemRefType>(operand.getType()) && !isOneNumber(operand);
        }))
      rowOps.push_back(op);
}

/// The last op that writes a row outside.
linalg::GenericOp RowTask::findStorer() {
  for (linalg::GenericOp op : llvm::reverse(rowOps))
    if (op.getNumDpsInits() == 1 && forall.isDefinedOutsideOfLoop(rootOf(op.getDpsInits()[0])) &&
        beginsRow(op.getDpsInits()[0]))
      return op;
  return nullptr;
}

/// The op whose loop fetches for the others, or null.
linalg::GenericOp RowTask::findFetcher(linalg::GenericOp storer) {
  if (llvm::none_of(rowOps, isReduction))
    return nullptr;
  auto *withFunctions = llvm::find_if(rowOps, hasRowFunctions);
  return withFunctions == rowOps.end() ? storer : *withFunctions;
}

bool RowTask::isReadInside(Value root) {
  return llvm::any_of(rowOps, [&](linalg::GenericOp op) {
    return llvm::any_of(op->getOpOperands(), [&](OpOperand &operand) {
      return rootOf(operand.get()) == root &&
             (op.isDpsInput(&operand) || op.payloadUsesValueFromOperand(&operand));
    });
  });
}

bool fovea::isOverRows(scf::ForallOp loop) {
  return llvm::all_of(loop.getMixedStep(),
                      [](OpFoldResult step) { return isConstantIntValue(step, 1); });
}

void RowTask::decide(StreamDecisions &decisions) {
  linalg::GenericOp storer = findStorer();
  if (!storer || (!isOverRows(forall) && (rowOps.size() > 1 || isReduction(storer))))
    return;
  RowLoop loop{forall.getBody(), forall.getInductionVars().back(),
               forall.getMixedUpperBound().back()};
  Value result = storer.getDpsInits()[0];
  bool hasFunction = llvm::any_of(rowOps, hasRowFunctions);
  if (linalg::GenericOp fetcher = findFetcher(storer))
    decisions[fetcher] = {loop, result, /*fetches=*/true, /*bypasses=*/false};
  if (!hasFunction && !isReadInside(rootOf(result))) {
    StreamDecision &decision = decisions[storer];
    decision.loop = loop;
    decision.result = result;
    decision.bypasses = true;
  }
}

StreamDecisions fovea::decideStreams(Operation *root) {
  StreamDecisions decisions;
  root->walk([&](scf::ForallOp forall) { RowTask(forall).decide(decisions); });
  return decisions;
}

//===------------------------------------------------------------------------------------------===//
// Emission
//===------------------------------------------------------------------------------------------===//

Value fovea::recompute(EmitBuilder &b, const RowLoop &loop, Value value, IRMapping &map) {
  Operation *def = value.getDefiningOp();
  if (map.contains(value) || !def || def->getBlock() != loop.body)
    return map.lookupOrDefault(value);
  for (Value operand : def->getOperands())
    map.map(operand, recompute(b, loop, operand, map));
  return b.clone(*def, map)->getResult(0);
}

/// Whether `row` is a view made inside the loop, at a place that the loop decides.
static bool changesWithLoop(const RowLoop &loop, Value row) {
  SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.filter = [&](Operation *op) { return op->getBlock() == loop.body; };
  options.inclusive = true;
  if (failed(getBackwardSlice(row, &slice, options)) || slice.empty())
    return false;
  return llvm::all_of(slice, [](Operation *op) { return isPure(op) && !op->getNumRegions(); }) &&
         llvm::any_of(
             slice, [&](Operation *op) { return llvm::is_contained(op->getOperands(), loop.row); });
}

/// The view of the next iteration's row; of this one's in the last.
static Value nextRow(EmitBuilder &b, const RowLoop &loop, Value row) {
  Value end = getValueOrCreateConstantIndexOp(b, b.getLoc(), loop.end);
  IRMapping map;
  map.map(loop.row, b.min(b.add(loop.row, b.index(1)), b.sub(end, b.index(1))));
  return recompute(b, loop, row, map);
}

Value fovea::isLargerThanCaches(EmitBuilder &b, Value matrix, const TargetInfo &target) {
  auto type = cast<MemRefType>(matrix.getType());
  Value bytes = b.index(type.getElementTypeBitWidth() / 8);
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    bytes = b.mul(bytes, b.dim(matrix, dim));
  return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sge, bytes,
                                       b.index(target.cacheBytes / 2));
}

static Value isMultiple(EmitBuilder &b, Value value, int64_t factor) {
  Value rest = b.createOrFold<arith::RemUIOp>(value, b.index(factor));
  return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, rest, b.index(0));
}

Value fovea::areRowsAligned(EmitBuilder &b, Value matrix, int64_t bytes) {
  auto type = cast<MemRefType>(matrix.getType());
  Value rowBytes =
      b.mul(b.dim(matrix, type.getRank() - 1), b.index(type.getElementTypeBitWidth() / 8));
  Value rows = isMultiple(b, rowBytes, bytes);
  if (isConstantIntValue(rows, 0))
    return rows;
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, matrix);
  return b.createOrFold<arith::AndIOp>(isMultiple(b, address, bytes), rows);
}

bool fovea::isShortRow(Value row) {
  auto type = cast<MemRefType>(row.getType());
  return type.hasStaticShape() &&
         type.getNumElements() * type.getElementTypeBitWidth() < shortRowBytes * 8;
}

static SmallVector<RowPrefetch> findPrefetches(EmitBuilder &b, linalg::GenericOp op,
                                               const VectorPlan &plan,
                                               const StreamDecision &decision) {
  SmallVector<RowPrefetch> prefetches;
  OpOperand *likeResult = nullptr;
  auto shape = cast<MemRefType>(decision.result.getType()).getShape();
  for (OpOperand &operand : op->getOpOperands()) {
    if (plan.operands[operand.getOperandNumber()] != Access::Contiguous ||
        isShortRow(operand.get()))
      continue;
    if (cast<MemRefType>(operand.get().getType()).getShape() == shape)
      likeResult = &operand;
    if (op.isDpsInput(&operand) && changesWithLoop(decision.loop, operand.get()))
      prefetches.push_back({&operand, nextRow(b, decision.loop, operand.get()), /*isWrite=*/false});
  }
  // What the op stores itself is on its way soon enough.
  if (likeResult && !llvm::is_contained(op.getDpsInits(), decision.result) &&
      changesWithLoop(decision.loop, decision.result)) {
    IRMapping same;
    Value result = recompute(b, decision.loop, decision.result, same);
    prefetches.push_back({likeResult, result, /*isWrite=*/true});
  }
  return prefetches;
}

RowStreams fovea::emitStreams(EmitBuilder &b, linalg::GenericOp op, const VectorPlan &plan,
                              const StreamDecision &decision, const TargetInfo &target) {
  if (!decision.result)
    return {};
  Value matrix = rootOf(decision.result);
  RowStreams streams{isLargerThanCaches(b, matrix, target), {}, nullptr};
  if (isConstantIntValue(streams.isLarge, 0))
    return {};
  if (decision.fetches)
    streams.prefetches = findPrefetches(b, op, plan, decision);
  OpOperand *stored = nullptr;
  for (int64_t i = 0; i < op.getNumDpsInits(); ++i)
    if (op.getDpsInits()[i] == decision.result)
      stored = op.getDpsInitOperand(i);
  if (!decision.bypasses || !stored ||
      plan.operands[stored->getOperandNumber()] != Access::Contiguous)
    return streams;
  int64_t bits = cast<MemRefType>(matrix.getType()).getElementTypeBitWidth();
  Value isAligned = areRowsAligned(b, matrix, plan.lanes * bits / 8);
  if (isConstantIntValue(isAligned, 0))
    return streams;
  streams.pastCaches = stored;
  streams.isLarge = b.createOrFold<arith::AndIOp>(streams.isLarge, isAligned);
  return streams;
}
