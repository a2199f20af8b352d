// The limits of attn.sample other than top-p as thresholds on the logits of one row.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/sampling/EmitSampling.h"

using namespace mlir;
using namespace fovea;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

/// How many logits are at least that of a key, as i64.
Value SamplingRow::count(Value bound) {
  Value limit = logitOf(bound), zero = integer(b.getI64Type(), 0);
  return forBlocks(limit, zero, [&](Value begin, Value end, ValueRange carried) -> Values {
    Value number = countIf({begin, end}, [&](Value first, int64_t lanes) {
      return compare(CmpFPredicate::OGE, logits(first, lanes), limit);
    });
    return {arith::AddIOp::create(b, carried[0], number)};
  })[0];
}

/// The mean of two integers, rounded down, without overflow.
static Value middle(EmitBuilder &b, Value low, Value high) {
  Value difference =
      arith::ShRSIOp::create(b, arith::XOrIOp::create(b, low, high),
                             arith::ConstantOp::create(b, b.getIntegerAttr(low.getType(), 1)));
  return arith::AddIOp::create(b, arith::AndIOp::create(b, low, high), difference);
}

/// The largest key at which `test` is true; it is true up to some key and false above.
Value SamplingRow::bisect(Bracket bracket, Test test) {
  SmallVector<Type> types = {keyType, keyType};
  auto loop = scf::WhileOp::create(b, types, ValueRange{bracket.holds, bracket.fails});
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Location> locations(2, b.getLoc());
  Block *before = b.createBlock(&loop.getBefore(), {}, types, locations);
  Value next = keyAfter(before->getArgument(0));
  Value open = arith::CmpIOp::create(b, CmpIPredicate::slt, next, before->getArgument(1));
  scf::ConditionOp::create(b, open, before->getArguments());
  Block *after = b.createBlock(&loop.getAfter(), {}, types, locations);
  Value low = after->getArgument(0), high = after->getArgument(1);
  Value key = middle(b, low, high);
  Value passed = test(key);
  scf::YieldOp::create(b, ValueRange{arith::SelectOp::create(b, passed, key, low),
                                     arith::SelectOp::create(b, passed, high, key)});
  return loop.getResult(0);
}

SamplingRow::Threshold SamplingRow::all() { return {lowestKey(), integer(b.getI64Type(), 0)}; }

SamplingRow::Threshold SamplingRow::emitIf(Value condition, function_ref<Threshold()> then,
                                           const Threshold &otherwise) {
  auto branch = scf::IfOp::create(b, TypeRange{keyType, b.getI64Type()}, condition,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  Threshold result = then();
  scf::YieldOp::create(b, ValueRange{result.key, result.ties});
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, ValueRange{otherwise.key, otherwise.ties});
  return {branch.getResult(0), branch.getResult(1)};
}

/// The same with no ties to look for where all are kept, out of as many as the row has.
SamplingRow::Threshold SamplingRow::simplify(const Threshold &kept, Value equal) {
  Value all =
      arith::AndIOp::create(b, arith::CmpIOp::create(b, CmpIPredicate::sge, kept.ties, equal),
                            arith::CmpIOp::create(b, CmpIPredicate::sgt, kept.key, lowestKey()));
  Value below = keyBefore(kept.key);
  return {arith::SelectOp::create(b, all, below, kept.key),
          arith::SelectOp::create(b, all, integer(b.getI64Type(), 0), kept.ties)};
}

SamplingRow::Threshold SamplingRow::keepTopK() {
  Type i64 = b.getI64Type();
  Value k = op.getTopK();
  Value isLimit = arith::AndIOp::create(
      b, arith::CmpIOp::create(b, CmpIPredicate::sgt, k, integer(i64, 0)),
      arith::CmpIOp::create(b, CmpIPredicate::slt, k, arith::IndexCastOp::create(b, i64, size)));
  auto isEnough = [&](Value number) -> Value {
    return arith::CmpIOp::create(b, CmpIPredicate::sge, number, k);
  };
  auto find = [&]() -> Threshold {
    // k blocks whose largest logit is at least this hold k such logits.
    Value above = keyAfter(maxKey);
    Value low = bisect({lowestKey(), above}, [&](Value bound) {
      Value limit = logitOf(bound), zero = integer(i64, 0);
      return isEnough(
          b.loop(b.index(0), numBlocks(), 1, zero, [&](Value block, ValueRange carried) -> Values {
            Value largest = memref::LoadOp::create(b, scratch.largest, block);
            Value isIn = arith::CmpFOp::create(b, CmpFPredicate::OGE, largest, limit);
            isIn = arith::ExtUIOp::create(b, i64, isIn);
            return {arith::AddIOp::create(b, carried[0], isIn)};
          })[0]);
    });
    Value key = bisect({low, above}, [&](Value bound) { return isEnough(count(bound)); });
    Value greater = count(keyAfter(key));
    Value available = arith::SubIOp::create(b, count(key), greater);
    return simplify({key, arith::SubIOp::create(b, k, greater)}, available);
  };
  return emitIf(isLimit, find, all());
}

Value SamplingRow::weightOf(Value key) { return toDouble(exponentials(logitOf(key), maxLogit)); }

/// Of those tokens the ones whose exponential is at least min-p: above the largest key where it is
/// not.
SamplingRow::Threshold SamplingRow::keepMinP(const Threshold &kept) {
  Value isLimit =
      arith::CmpFOp::create(b, CmpFPredicate::OGT, op.getMinP(), b.constant(b.getF32Type(), 0));
  auto find = [&]() -> Threshold {
    Value minP = b.convertFloat(op.getMinP(), b.getF64Type());
    Value unlikely = bisect({lowestKey(), maxKey}, [&](Value key) -> Value {
      return arith::CmpFOp::create(b, CmpFPredicate::OLT, weightOf(key), minP);
    });
    Value cuts = arith::CmpIOp::create(b, CmpIPredicate::sge, unlikely, kept.key);
    return {arith::SelectOp::create(b, cuts, unlikely, kept.key),
            arith::SelectOp::create(b, cuts, integer(b.getI64Type(), 0), kept.ties)};
  };
  return emitIf(isLimit, find, kept);
}
