#include "passes/attention/SplitKeys.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/attention/AttentionPacker.h"
#include "passes/attention/PrepackAttention.h"
#include "passes/attention/StoredRows.h"
#include "passes/tile/OutermostLoop.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::attn;

static bool isOne(Value memref, int64_t dim) {
  return cast<MemRefType>(memref.getType()).getDimSize(dim) == 1;
}

static Value valueOf(EmitBuilder &b, OpFoldResult fold) {
  return getValueOrCreateConstantIndexOp(b, b.getLoc(), fold);
}

static SmallVector<Value> tripCounts(EmitBuilder &b, scf::ForallOp loop) {
  SmallVector<Value> counts;
  for (auto [lower, upper, step] :
       llvm::zip_equal(loop.getMixedLowerBound(), loop.getMixedUpperBound(), loop.getMixedStep())) {
    Value extent = b.sub(valueOf(b, upper), valueOf(b, lower));
    counts.push_back(b.createOrFold<arith::CeilDivSIOp>(extent, valueOf(b, step)));
  }
  return counts;
}

void SplitKeys::extend(EmitBuilder &b, AttentionOp op, scf::ForallOp old, Value keys) {
  Value segments = b.createOrFold<arith::CeilDivUIOp>(keys, b.index(tile.keysPerSegment));
  segments = b.createOrFold<arith::MaxSIOp>(segments, b.index(1));
  count = b.createOrFold<arith::SelectOp>(isFew, segments, b.index(1));
  SmallVector<OpFoldResult> lower, upper, step;
  if (old) {
    lower = old.getMixedLowerBound();
    upper = old.getMixedUpperBound();
    step = old.getMixedStep();
  }
  lower.push_back(b.getIndexAttr(0));
  upper.push_back(getAsOpFoldResult(count));
  step.push_back(b.getIndexAttr(1));
  loop = scf::ForallOp::create(b, lower, upper, step, ValueRange(), std::nullopt);
  Block *body = loop.getBody();
  segment = loop.getInductionVars().back();
  if (!old) {
    loop->setAttr("attn.kernel_name", b.getStringAttr("attention"));
    op->moveBefore(body->getTerminator());
    return;
  }
  loop->setDiscardableAttrs(old->getDiscardableAttrDictionary());
  body->getOperations().splice(body->begin(), old.getBody()->getOperations(),
                               old.getBody()->begin(), std::prev(old.getBody()->end()));
  for (auto [before, now] : llvm::zip(old.getInductionVars(), loop.getInductionVars()))
    before.replaceAllUsesWith(now);
  old.erase();
}

void SplitKeys::allocate(EmitBuilder &b, AttentionOp op) {
  SmallVector<Value> counts = tripCounts(b, loop);
  counts.pop_back();
  Value tasks = b.createOrFold<arith::SelectOp>(isFew, b.index(1), b.index(0));
  for (Value trips : counts)
    tasks = b.mul(tasks, trips);
  int64_t columns = rowElements(op.getValue(), op.getValuePermutation()[3]);
  Value groupRows = b.mul(rows, b.index(op.getGroupSize()));
  OpFoldResult shape[] = {getAsOpFoldResult(tasks), getAsOpFoldResult(b.add(count, b.index(1)))};
  states = allocateStates(b, shape, getAsOpFoldResult(groupRows), b.getIndexAttr(columns),
                          op.getScoreType());
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  // For few rows: the place of the iteration among those of the other dims.
  task = b.index(0);
  auto dims =
      llvm::zip(loop.getInductionVars(), counts, loop.getMixedLowerBound(), loop.getMixedStep());
  for (auto [index, trips, lower, step] : dims) {
    Value offset = b.sub(index, valueOf(b, lower));
    Value number = b.createOrFold<arith::DivUIOp>(offset, valueOf(b, step));
    task = b.add(b.mul(task, trips), number);
  }
}

std::optional<SplitKeys> SplitKeys::create(AttentionOp op, const AttentionTile &tile,
                                           int64_t fewRows) {
  scf::ForallOp around = outermostLoop(op);
  if (!tile.keysPerSegment || (around && op->getParentOp() != around) ||
      !isOne(op.getKey(), op.getKeyPermutation()[0]) ||
      !isOne(op.getKey(), op.getKeyPermutation()[1]))
    return std::nullopt;
  EmitBuilder b(op.getLoc(), op.getOperation());
  Value rows = totalRows(b, op), keys = totalKeys(b, op);
  if (!rows || !keys)
    return std::nullopt;
  SplitKeys split(tile);
  split.hasSink = op.hasSink();
  if (around)
    b.setInsertionPoint(around);
  split.rows = rows;
  split.isFew = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, rows, b.index(fewRows));
  split.extend(b, op, around, keys);
  b.setInsertionPoint(split.loop);
  split.allocate(b, op);
  return split;
}

DecodeState SplitKeys::partOf(EmitBuilder &b) const {
  return viewOf(b, states, ValueRange{task, b.add(segment, b.index(1))});
}

DecodeState SplitKeys::firstOf(EmitBuilder &b) const {
  return viewOf(b, states, ValueRange{task, b.index(0)});
}

Value SplitKeys::isWhole(EmitBuilder &b) const {
  if (hasSink)
    return arith::ConstantIntOp::create(b, 0, /*width=*/1);
  return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, count, b.index(1));
}

/// `value` of the first loop, computed in the second.
static Value computeIn(EmitBuilder &b, scf::ForallOp first, Value value, IRMapping &known) {
  if (Value done = known.lookupOrNull(value))
    return done;
  if (!first->isAncestor(value.getParentBlock()->getParentOp()))
    return value;
  for (Value operand : value.getDefiningOp()->getOperands())
    known.map(operand, computeIn(b, first, operand, known));
  b.clone(*value.getDefiningOp(), known);
  return known.lookup(value);
}

void SplitKeys::emitMerge(AttentionOp op) {
  EmitBuilder b(op.getLoc(), op.getOperation());
  b.setInsertionPointAfter(loop);
  Value wanted = b.createOrFold<arith::AndIOp>(
      isFew, b.createOrFold<arith::XOrIOp>(isWhole(b), arith::ConstantIntOp::create(b, 1, 1)));
  SmallVector<OpFoldResult> lower = loop.getMixedLowerBound(), upper = loop.getMixedUpperBound(),
                            step = loop.getMixedStep();
  upper.back() = getAsOpFoldResult(b.createOrFold<arith::SelectOp>(wanted, b.index(1), b.index(0)));
  auto merging = scf::ForallOp::create(b, lower, upper, step, ValueRange(), std::nullopt);
  merging->setAttr("attn.kernel_name", b.getStringAttr("merge"));
  b.setInsertionPointToStart(merging.getBody());
  IRMapping known;
  known.map(loop.getInductionVars(), merging.getInductionVars());
  Value place = computeIn(b, loop, task, known);
  Value output = computeIn(b, loop, op.getOutputInit(), known), lse = op.getLseInit();
  if (lse)
    lse = computeIn(b, loop, lse, known);
  DecodeStates rowStates(b, op, tile, b.dim(output, op.getOutputPermutation()[3]));
  DecodeState total = viewOf(b, states, ValueRange{place, b.index(0)});
  Value first = b.index(0), group = b.index(op.getGroupSize());
  b.loop(first, rows, 1, [&](Value query) {
    b.loop(first, group, 1, [&](Value head) {
      Value row = b.add(b.mul(query, group), head);
      b.loop(b.index(1), b.add(count, b.index(1)), 1, [&](Value number) {
        rowStates.merge(total, viewOf(b, states, ValueRange{place, number}), row);
      });
      rowStates.storeOutput(total, row, viewOf(b, output, op.getOutputPermutation(), {first, head}),
                            query);
      if (!lse)
        return;
      Type element = cast<MemRefType>(lse.getType()).getElementType();
      memref::StoreOp::create(b, b.convertFloat(rowStates.emitLse(total, row), element), lse,
                              ValueRange{first, head, query});
    });
  });
}
