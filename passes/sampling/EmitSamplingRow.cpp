// The draw among the tokens that the limits of attn.sample keep.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/sampling/EmitSampling.h"
#include "passes/vector/LaneLoads.h"

using namespace mlir;
using namespace fovea;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

/// The token of the last tie that is kept; any token before the first if none is.
Value SamplingRow::lastTie(const Threshold &kept) {
  Type i64 = b.getI64Type();
  Value limit = logitOf(kept.key), none = arith::ConstantIndexOp::create(b, -1);
  auto isTie = [&](Value first, int64_t lanes) {
    return compare(CmpFPredicate::OEQ, logits(first, lanes), limit);
  };
  auto isOpen = [&](Value left) -> Value {
    return arith::CmpIOp::create(b, CmpIPredicate::sgt, left, integer(i64, 0));
  };
  // Without ties to find there is no block to visit.
  Value infinity = b.constant(floatType, std::numeric_limits<double>::infinity());
  Value bound = arith::SelectOp::create(b, isOpen(kept.ties), limit, infinity);
  return forBlocks(bound, {none, kept.ties}, [&](Value begin, Value end, ValueRange carried) {
    Value some =
        arith::CmpIOp::create(b, CmpIPredicate::sgt, countIf({begin, end}, isTie), integer(i64, 0));
    Value worth = arith::AndIOp::create(b, some, isOpen(carried[1]));
    Value stop = arith::SelectOp::create(b, worth, end, begin);
    return b.loop(begin, stop, 1, carried, [&](Value token, ValueRange carried) -> Values {
      Value found = vector::ExtractOp::create(b, isTie(token, 1), 0);
      found = arith::AndIOp::create(b, found, isOpen(carried[1]));
      Value fewer = arith::SubIOp::create(b, carried[1], integer(i64, 1));
      return {arith::SelectOp::create(b, found, token, carried[0]),
              arith::SelectOp::create(b, found, fewer, carried[1])};
    });
  })[0];
}

/// Which lanes hold tokens up to the last one, of those from the first on. In as many bits as
/// logits have, so that one instruction compares all lanes.
Value SamplingRow::lanesUpTo(Value last, Value first, int64_t lanes) {
  Value number = arith::MinSIOp::create(b, b.sub(last, first), b.index(lanes));
  number = arith::MaxSIOp::create(b, number, arith::ConstantIndexOp::create(b, -1));
  auto type = cast<VectorType>(onLanes(keyType, lanes));
  Value steps = emitSteps(b, type);
  number = arith::IndexCastOp::create(b, keyType, number);
  return arith::CmpIOp::create(b, CmpIPredicate::sle, steps, b.splat(type, number));
}

/// exp((logit - largest) / temperature) of what all limits keep, else 0.
Value SamplingRow::weights(Value first, int64_t lanes, const Threshold &kept, Value lastTie) {
  Value values = logits(first, lanes), limit = logitOf(kept.key);
  Value isTie = compare(CmpFPredicate::OEQ, values, limit),
        inTime = lanesUpTo(lastTie, first, lanes);
  Value inside = arith::OrIOp::create(b, compare(CmpFPredicate::OGT, values, limit),
                                      arith::AndIOp::create(b, isTie, inTime));
  Value terms = exponentials(values, maxLogit, scale);
  return arith::SelectOp::create(b, inside, terms, b.constant(terms.getType(), 0));
}

/// Notes the weight of each block, and returns that of all.
Value SamplingRow::weighBlocks(const Threshold &kept, Value lastTie) {
  Type f64 = b.getF64Type();
  Value limit = logitOf(kept.key), zero = b.constant(f64, 0);
  return b.loop(b.index(0), numBlocks(), 1, zero, [&](Value block, ValueRange carried) -> Values {
    Value largest = memref::LoadOp::create(b, scratch.largest, block);
    Value holdsSome = arith::CmpFOp::create(b, CmpFPredicate::OGE, largest, limit);
    auto branch = scf::IfOp::create(b, TypeRange{f64}, holdsSome, /*withElseRegion=*/true);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(branch.elseBlock());
      scf::YieldOp::create(b, zero);
      b.setInsertionPointToStart(branch.thenBlock());
      scf::YieldOp::create(b, sum(blockRange(block), [&](Value first, int64_t lanes) {
                             return weights(first, lanes, kept, lastTie);
                           }));
    }
    memref::StoreOp::create(b, branch.getResult(0), scratch.masses, block);
    return {arith::AddFOp::create(b, carried[0], branch.getResult(0))};
  })[0];
}

/// The first item at which the sum of weights exceeds `wanted`, else the last of any weight, and
/// the sum before it. `state` is the item, the sum before it, the sum so far and whether it is
/// found.
static SmallVector<Value> stepDraw(EmitBuilder &b, Value item, Value weight, Value wanted,
                                   ValueRange state) {
  Value reached = arith::AddFOp::create(b, state[2], weight);
  Value hasWeight =
      arith::CmpFOp::create(b, CmpFPredicate::OGT, weight, b.constant(b.getF64Type(), 0));
  Value open = arith::XOrIOp::create(b, state[3], b.constant(b.getI1Type(), 1));
  Value takes = arith::AndIOp::create(b, open, hasWeight);
  Value passed = arith::CmpFOp::create(b, CmpFPredicate::OGT, reached, wanted);
  return {arith::SelectOp::create(b, takes, item, state[0]),
          arith::SelectOp::create(b, takes, state[2], state[1]), reached,
          arith::OrIOp::create(b, state[3], arith::AndIOp::create(b, takes, passed))};
}

/// The token of one block; `before` is the sum of weights before the block.
Value SamplingRow::drawFrom(Value block, Value before, Value wanted, const Threshold &kept,
                            Value lastTie) {
  Range range = blockRange(block);
  Values state = {range.begin, before, before, b.constant(b.getI1Type(), 0)};
  return b.loop(range.begin, range.end, 1, state, [&](Value token, ValueRange carried) {
    Value weight = vector::ExtractOp::create(b, weights(token, 1, kept, lastTie), 0);
    return stepDraw(b, token, toDouble(weight), wanted, carried);
  })[0];
}

/// The first token at which the running sum of weights exceeds the uniform number's share of all:
/// first its block, by the sums of blocks.
Value SamplingRow::draw(const Threshold &kept) {
  Value last = lastTie(kept), total = weighBlocks(kept, last);
  Value index = arith::IndexCastOp::create(b, b.getI64Type(), row);
  Value wanted = arith::MulFOp::create(b, emitUniform(b, op.getSeed(), index), total);
  Value zero = b.constant(b.getF64Type(), 0);
  Values state = {b.index(0), zero, zero, b.constant(b.getI1Type(), 0)};
  state = b.loop(b.index(0), numBlocks(), 1, state, [&](Value block, ValueRange carried) {
    Value mass = memref::LoadOp::create(b, scratch.masses, block);
    return stepDraw(b, block, mass, wanted, carried);
  });
  return drawFrom(state[0], state[1], wanted, kept, last);
}

Value SamplingRow::emit() {
  maxLogit = findLargest();
  if (isGreedy(op))
    return firstEqualTo(maxLogit);
  maxKey = keyOf(maxLogit);
  Type f32 = b.getF32Type();
  // Weights relative to an infinite or missing largest logit have no meaning, and above 1 min-p
  // keeps the largest only.
  Value difference = arith::SubFOp::create(b, maxLogit, maxLogit);
  Value isFinite = arith::CmpFOp::create(b, CmpFPredicate::ORD, difference, difference);
  Value isWarm =
      arith::CmpFOp::create(b, CmpFPredicate::OGT, op.getTemperature(), b.constant(f32, 0));
  Value isOpen = arith::CmpFOp::create(b, CmpFPredicate::OLE, op.getMinP(), b.constant(f32, 1));
  Value isDraw = arith::AndIOp::create(b, isFinite, arith::AndIOp::create(b, isWarm, isOpen));
  auto branch = scf::IfOp::create(b, TypeRange(b.getIndexType()), isDraw, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  Value temperature = b.convertFloat(op.getTemperature(), floatType);
  scale = arith::DivFOp::create(b, b.constant(floatType, 1), temperature);
  // The largest logit less itself, times infinity, would be no number.
  APFloat most = APFloat::getLargest(floatType.getFloatSemantics());
  Value limit = arith::ConstantOp::create(b, b.getFloatAttr(floatType, most));
  scale = arith::MinNumFOp::create(b, scale, limit);
  scf::YieldOp::create(b, draw(keepMinP(keepTopP(keepTopK()))));
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, firstEqualTo(maxLogit));
  return branch.getResult(0);
}
