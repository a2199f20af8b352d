// The limits of attn.sample as thresholds on the logits of one row.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/sampling/EmitSampling.h"

using namespace mlir;
using namespace fovea;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

/// When few tokens are left, to search the vectors that hold them takes less than another pass; the
/// bound on the passes is for rows of unforeseen shape, which stay right.
static constexpr int64_t fewCandidates = 1024, mostPasses = 16;

static Value one(EmitBuilder &b, Type type) {
  return arith::ConstantOp::create(b, b.getIntegerAttr(type, 1));
}

static Value successor(EmitBuilder &b, Value integer) {
  return arith::AddIOp::create(b, integer, one(b, integer.getType()));
}

static Value larger(EmitBuilder &b, Value x, Value y) {
  Value isLarger = arith::CmpFOp::create(b, CmpFPredicate::OGT, x, y);
  return arith::SelectOp::create(b, isLarger, x, y);
}

static Value smaller(EmitBuilder &b, Value x, Value y) {
  Value isSmaller = arith::CmpFOp::create(b, CmpFPredicate::OLT, x, y);
  return arith::SelectOp::create(b, isSmaller, x, y);
}

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

/// The terms of values that reach the limit, else 0.
Value SamplingRow::termsFrom(Value limit, Value values, Value terms) {
  return arith::SelectOp::create(b, compare(CmpFPredicate::OGE, values, limit), terms,
                                 b.constant(terms.getType(), 0));
}

/// Notes exp(logit - largest) in all blocks with some logit that is at least that of a key, for
/// later passes. Returns the sum of those of such logits, as f64.
Value SamplingRow::computeTerms(Value bound) {
  Value limit = logitOf(bound), zero = b.constant(b.getF64Type(), 0);
  return forBlocks(limit, zero, [&](Value begin, Value end, ValueRange carried) -> Values {
    Value part = sum({begin, end}, [&](Value first, int64_t lanes) {
      Value values = logits(first, lanes), terms = exponentials(values, maxLogit);
      store(terms, scratch.terms, first);
      return termsFrom(limit, values, terms);
    });
    return {arith::AddFOp::create(b, carried[0], part)};
  })[0];
}

/// The same for the collected logits.
Value SamplingRow::candidateMass(Range range, Value bound) {
  Value limit = logitOf(bound);
  return sum(range, [&](Value first, int64_t lanes) {
    return termsFrom(limit, load(scratch.candidates, first, lanes),
                     load(scratch.terms, first, lanes));
  });
}

/// The mean of two integers, rounded down, without overflow.
static Value middle(EmitBuilder &b, Value low, Value high) {
  Value difference =
      arith::ShRSIOp::create(b, arith::XOrIOp::create(b, low, high), one(b, low.getType()));
  return arith::AddIOp::create(b, arith::AndIOp::create(b, low, high), difference);
}

/// The largest key at which `test` is true; it is true up to some key and false above.
Value SamplingRow::bisect(Bracket bracket, Test test) {
  SmallVector<Type> types = {keyType, keyType};
  auto loop = scf::WhileOp::create(b, types, ValueRange{bracket.holds, bracket.fails});
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Location> locations(2, b.getLoc());
  Block *before = b.createBlock(&loop.getBefore(), {}, types, locations);
  Value next = successor(b, before->getArgument(0));
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

/// The same with no ties to look for where all are kept, out of `available`.
SamplingRow::Threshold SamplingRow::simplify(const Threshold &kept, Value available) {
  Value all =
      arith::AndIOp::create(b, arith::CmpIOp::create(b, CmpIPredicate::sge, kept.ties, available),
                            arith::CmpIOp::create(b, CmpIPredicate::sgt, kept.key, lowestKey()));
  Value below = arith::SubIOp::create(b, kept.key, one(b, keyType));
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
    Value above = successor(b, maxKey);
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
    Value greater = count(successor(b, key));
    Value available = arith::SubIOp::create(b, count(key), greater);
    return simplify({key, arith::SubIOp::create(b, k, greater)}, available);
  };
  return emitIf(isLimit, find, all());
}

/// The sums of exponentials, and the numbers, of the logits that are at least that of each of two
/// keys; the first key is the smaller one.
SamplingRow::Values SamplingRow::massesAndCounts(Value low, Value high) {
  Value limits[] = {logitOf(low), logitOf(high)};
  Value none = integer(b.getI64Type(), 0), nothing = b.constant(b.getF64Type(), 0);
  return forBlocks(limits[0], {nothing, nothing, none, none},
                   [&](Value begin, Value end, ValueRange carried) -> Values {
                     TypedAttr zero = b.getFloatAttr(floatType, 0),
                               noKey = b.getIntegerAttr(keyType, 0);
                     auto terms = [&](Value first, int64_t lanes) -> Values {
                       Value values = logits(first, lanes),
                             known = load(scratch.terms, first, lanes);
                       Values masses, counts;
                       for (Value limit : limits) {
                         Value isIn = compare(CmpFPredicate::OGE, values, limit);
                         masses.push_back(termsFrom(limit, values, known));
                         counts.push_back(arith::ExtUIOp::create(b, onLanes(keyType, lanes), isIn));
                       }
                       return {masses[0], masses[1], counts[0], counts[1]};
                     };
                     Values parts = addUp({begin, end}, {zero, zero, noKey, noKey}, terms);
                     return {arith::AddFOp::create(b, carried[0], parts[0]),
                             arith::AddFOp::create(b, carried[1], parts[1]),
                             arith::AddIOp::create(b, carried[2], parts[2]),
                             arith::AddIOp::create(b, carried[3], parts[3])};
                   });
}

/// Where the logits lie below whose sum of exponentials is wanted, if none is much likelier than
/// others: no further than what a row of equal spread would need.
Value SamplingRow::lowestLikely(Value total) {
  Value number = arith::SIToFPOp::create(b, b.getF64Type(),
                                         arith::IndexCastOp::create(b, b.getI64Type(), size));
  Value mean = b.convertFloat(arith::DivFOp::create(b, number, total), b.getF32Type());
  Value spread = b.convertFloat(math::LogOp::create(b, mean), floatType);
  Value depth = arith::AddFOp::create(b, arith::MulFOp::create(b, spread, b.constant(floatType, 2)),
                                      b.constant(floatType, 0.5));
  return arith::SubFOp::create(b, maxLogit, depth);
}

/// Two keys inside the bracket, close around where the sum of exponentials would be `wanted` if it
/// fell evenly from `sums[0]` at its lower end to `sums[1]` at its upper end.
std::pair<Value, Value> SamplingRow::guessAround(Bracket bracket, Value floor, ValueRange sums,
                                                 Value wanted) {
  Value low = larger(b, logitOf(bracket.holds), floor);
  Value high = smaller(b, logitOf(bracket.fails), maxLogit);
  Value width = arith::SubFOp::create(b, high, low);
  Value share = arith::DivFOp::create(b, arith::SubFOp::create(b, sums[0], wanted),
                                      arith::SubFOp::create(b, sums[0], sums[1]));
  share = b.convertFloat(share, floatType);
  auto keyAt = [&](double offset, double least, double most) -> Value {
    Value at = arith::AddFOp::create(b, share, b.constant(floatType, offset));
    at = smaller(b, larger(b, at, b.constant(floatType, least)), b.constant(floatType, most));
    Value key = keyOf(arith::AddFOp::create(b, low, arith::MulFOp::create(b, at, width)));
    key = arith::MaxSIOp::create(b, key, successor(b, bracket.holds));
    return arith::MinSIOp::create(b, key, arith::SubIOp::create(b, bracket.fails, one(b, keyType)));
  };
  constexpr double around = 1.0 / 16, end = 1.0 / 64;
  return {keyAt(-around, end, 1 - 2 * end), keyAt(around, 2 * end, 1 - end)};
}

/// Makes the bracket of the key that findTopP looks for smaller, and returns the sum of
/// exponentials beyond it: by passes over logits rather than over bits: logits lie close together.
/// Ends when few tokens are left inside.
Value SamplingRow::narrowTopP(Bracket &bracket, Value wanted, Value total) {
  Type i64 = b.getI64Type(), f64 = b.getF64Type();
  Value floor = lowestLikely(total), none = integer(i64, 0);
  // The bracket; sums and numbers of logits from its ends on; passes.
  Values inits = {bracket.holds,
                  bracket.fails,
                  total,
                  b.constant(f64, 0),
                  arith::IndexCastOp::create(b, i64, size),
                  none,
                  none};
  SmallVector<Type> types(ValueRange(inits).getTypes());
  SmallVector<Location> locations(types.size(), b.getLoc());
  auto loop = scf::WhileOp::create(b, types, inits);
  OpBuilder::InsertionGuard guard(b);
  ValueRange state = b.createBlock(&loop.getBefore(), {}, types, locations)->getArguments();
  auto isLess = [&](Value x, Value y) {
    return arith::CmpIOp::create(b, CmpIPredicate::slt, x, y).getResult();
  };
  Value isWide = arith::AndIOp::create(
      b, isLess(successor(b, state[0]), state[1]),
      isLess(integer(i64, fewCandidates), arith::SubIOp::create(b, state[4], state[5])));
  Value open = arith::AndIOp::create(b, isWide, isLess(state[6], integer(i64, mostPasses)));
  scf::ConditionOp::create(b, open, state);
  state = b.createBlock(&loop.getAfter(), {}, types, locations)->getArguments();
  auto [low, high] = guessAround({state[0], state[1]}, floor, state.slice(2, 2), wanted);
  Values found = massesAndCounts(low, high);
  auto holds = [&](Value sum) {
    return arith::CmpFOp::create(b, CmpFPredicate::OGE, sum, wanted).getResult();
  };
  Value holdsLow = holds(found[0]), holdsHigh = holds(found[1]);
  auto choose = [&](Value condition, Value x, Value y) {
    return arith::SelectOp::create(b, condition, x, y).getResult();
  };
  // Between the keys, above both or below both.
  auto lower = [&](Value old, Value atLow, Value atHigh) {
    return choose(holdsHigh, atHigh, choose(holdsLow, atLow, old));
  };
  auto upper = [&](Value old, Value atLow, Value atHigh) {
    return choose(holdsHigh, old, choose(holdsLow, atHigh, atLow));
  };
  scf::YieldOp::create(b, ValueRange{lower(state[0], low, high), upper(state[1], low, high),
                                     lower(state[2], found[0], found[1]),
                                     upper(state[3], found[0], found[1]),
                                     lower(state[4], found[2], found[3]),
                                     upper(state[5], found[2], found[3]), successor(b, state[6])});
  bracket = {loop.getResult(0), loop.getResult(1)};
  return loop.getResult(3);
}

/// Copies the logits whose keys are in the bracket, and moves their terms together, by whole
/// vectors with some such logit; the others in these become NaN. Returns how many were copied, as
/// an index.
Value SamplingRow::collect(Bracket bracket) {
  Value low = logitOf(bracket.holds), high = logitOf(bracket.fails);
  auto visit = [&](Value first, int64_t lanes, Value number) -> Value {
    Value values = logits(first, lanes), known = load(scratch.terms, first, lanes);
    Value inside = arith::AndIOp::create(b, compare(CmpFPredicate::OGE, values, low),
                                         compare(CmpFPredicate::OLT, values, high));
    Value any = vector::ReductionOp::create(b, vector::CombiningKind::OR, inside);
    auto branch = scf::IfOp::create(b, TypeRange(b.getIndexType()), any, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(b, number);
    b.setInsertionPointToStart(branch.thenBlock());
    // NaN is found by no later test.
    Value outside = b.constant(values.getType(), std::numeric_limits<double>::quiet_NaN());
    store(arith::SelectOp::create(b, inside, values, outside), scratch.candidates, number);
    store(known, scratch.terms, number);
    scf::YieldOp::create(b, b.add(number, b.index(lanes)));
    return branch.getResult(0);
  };
  return forBlocks(low, b.index(0), [&](Value begin, Value end, ValueRange carried) {
    Value whole = b.add(begin, b.roundDown(b.sub(end, begin), lanes));
    Values number = b.loop(begin, whole, lanes, carried, [&](Value first, ValueRange carried) {
      return Values{visit(first, lanes, carried[0])};
    });
    return b.loop(whole, end, 1, number, [&](Value first, ValueRange carried) {
      return Values{visit(first, 1, carried[0])};
    });
  })[0];
}

/// How many of `available` equal tokens of weight `each` it takes to add up to `missing`, one
/// at least.
static Value tiesNeeded(EmitBuilder &b, Value missing, Value each, Value available) {
  Type f64 = b.getF64Type();
  Value limit = arith::SIToFPOp::create(b, f64, available);
  Value needed = math::CeilOp::create(b, arith::DivFOp::create(b, missing, each));
  // A weight that is zero gives no number or infinity, which is to mean all.
  Value isNumber = arith::CmpFOp::create(b, CmpFPredicate::OLT, needed, limit);
  needed = arith::SelectOp::create(b, isNumber, needed, limit);
  Value least = b.constant(f64, 1);
  Value isAbove = arith::CmpFOp::create(b, CmpFPredicate::OGT, needed, least);
  needed = arith::SelectOp::create(b, isAbove, needed, least);
  return arith::FPToSIOp::create(b, b.getI64Type(), needed);
}

Value SamplingRow::weightOf(Value key) { return toDouble(exponentials(logitOf(key), maxLogit)); }

SamplingRow::Threshold SamplingRow::keepTopP(const Threshold &kept) {
  if (!mayLimitTopP(op))
    return kept;
  Value isLimit =
      arith::CmpFOp::create(b, CmpFPredicate::OLT, op.getTopP(), b.constant(b.getF32Type(), 1));
  return emitIf(
      isLimit, [&] { return findTopP(kept); }, kept);
}

SamplingRow::Threshold SamplingRow::findTopP(const Threshold &kept) {
  Type f64 = b.getF64Type(), i64 = b.getI64Type();
  Value next = successor(b, kept.key);
  // Of the ties that top-k left, only the kept ones count. Without ties there may be no logit.
  Value hasTies = arith::CmpIOp::create(b, CmpIPredicate::sgt, kept.ties, integer(i64, 0));
  Value tieMass =
      arith::MulFOp::create(b, arith::SIToFPOp::create(b, f64, kept.ties), weightOf(kept.key));
  tieMass = arith::SelectOp::create(b, hasTies, tieMass, b.constant(f64, 0));
  Value total = arith::AddFOp::create(b, computeTerms(next), tieMass);
  Value wanted = arith::MulFOp::create(b, arith::ExtFOp::create(b, f64, op.getTopP()), total);
  Bracket bracket = {arith::SelectOp::create(b, hasTies, kept.key, next), successor(b, maxKey)};
  Value beyond = narrowTopP(bracket, wanted, total);
  Range inside = {b.index(0), collect(bracket)};
  auto massFrom = [&](Value bound) -> Value {
    return arith::AddFOp::create(b, beyond, candidateMass(inside, bound));
  };
  Value key = bisect(bracket, [&](Value bound) -> Value {
    return arith::CmpFOp::create(b, CmpFPredicate::OGE, massFrom(bound), wanted);
  });
  Value above = successor(b, key);
  Value atTies = arith::CmpIOp::create(b, CmpIPredicate::eq, key, kept.key);
  Value equal = countIf(inside, [&](Value first, int64_t lanes) {
    return compare(CmpFPredicate::OEQ, load(scratch.candidates, first, lanes), logitOf(key));
  });
  Value available = arith::SelectOp::create(b, atTies, kept.ties, equal);
  Value missing = arith::SubFOp::create(b, wanted, massFrom(above));
  return simplify({key, tiesNeeded(b, missing, weightOf(key), available)}, available);
}

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
