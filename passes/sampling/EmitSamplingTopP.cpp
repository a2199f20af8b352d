// The threshold that top-p sets. Passes over the exponentials, which are computed once, enclose it
// until few logits are left; among these the bits of the threshold are searched for.
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
static constexpr int64_t fewCandidates = 2048, mostPasses = 16;

static Value larger(EmitBuilder &b, Value x, Value y) {
  Value isLarger = arith::CmpFOp::create(b, CmpFPredicate::OGT, x, y);
  return arith::SelectOp::create(b, isLarger, x, y);
}

static Value smaller(EmitBuilder &b, Value x, Value y) {
  Value isSmaller = arith::CmpFOp::create(b, CmpFPredicate::OLT, x, y);
  return arith::SelectOp::create(b, isSmaller, x, y);
}

/// The terms of values that reach the limit, else 0.
Value SamplingRow::termsFrom(Value limit, Value values, Value terms) {
  return arith::SelectOp::create(b, compare(CmpFPredicate::OGE, values, limit), terms,
                                 b.constant(terms.getType(), 0));
}

/// The sums, as f64, of as many terms a token in all blocks with some logit at the limit or above.
/// Over all blocks lane by lane: to add up the lanes of each takes as long as its vectors.
SamplingRow::Values SamplingRow::addBlocks(Value limit, int64_t number,
                                           function_ref<Values(Value, int64_t)> terms) {
  Values none(number, b.constant(onLanes(b.getF64Type(), lanes), 0));
  SmallVector<TypedAttr> zeros(number, b.getFloatAttr(floatType, 0));
  Values sums = forBlocks(limit, none, [&](Value begin, Value end, ValueRange carried) {
    Values parts = addLanes({begin, end}, zeros, terms);
    for (auto [part, sum] : llvm::zip_equal(parts, carried))
      part = arith::AddFOp::create(b, sum, toDouble(part));
    return parts;
  });
  for (Value &sum : sums)
    sum = addUpLanes(sum);
  return sums;
}

/// Notes exp(logit - largest) in all blocks with some logit that is at least that of a key, for
/// later passes. Returns the sums of those of such logits as f64: alone, times logit - largest and
/// times its square.
SamplingRow::Values SamplingRow::computeTerms(Value bound) {
  Value limit = logitOf(bound);
  auto termsAt = [&](Value first, int64_t lanes) -> Values {
    Value values = logits(first, lanes), terms = exponentials(values, maxLogit);
    store(terms, scratch.terms, first);
    terms = termsFrom(limit, values, terms);
    // Where the exponential is 0 the difference may be infinite.
    Value depth = arith::SubFOp::create(b, values, b.splat(values.getType(), maxLogit));
    depth = larger(b, depth, b.constant(values.getType(), -128));
    Value once = arith::MulFOp::create(b, terms, depth);
    return {terms, once, arith::MulFOp::create(b, once, depth)};
  };
  return addBlocks(limit, 3, termsAt);
}

/// The same for the collected logits.
Value SamplingRow::candidateMass(Range range, Value bound) {
  Value limit = logitOf(bound);
  return sum(range, [&](Value first, int64_t lanes) {
    return termsFrom(limit, load(scratch.candidates, first, lanes),
                     load(scratch.terms, first, lanes));
  });
}

/// The sums of exponentials of the logits that are at least that of each of two keys; the first key
/// is the smaller one.
SamplingRow::Values SamplingRow::massesFrom(Value low, Value high) {
  Value limits[] = {logitOf(low), logitOf(high)};
  auto terms = [&](Value first, int64_t lanes) -> Values {
    Value values = logits(first, lanes), known = load(scratch.terms, first, lanes);
    return {termsFrom(limits[0], values, known), termsFrom(limits[1], values, known)};
  };
  return addBlocks(limits[0], 2, terms);
}

/// Whether more than a few logits may be in the bracket, given the sums of exponentials from its
/// ends on: each is at least that of the lower end, which takes no count.
Value SamplingRow::mayHoldMany(Value low, ValueRange sums) {
  Value inside = arith::SubFOp::create(b, sums[0], sums[1]);
  Value few = arith::MulFOp::create(b, weightOf(low), b.constant(b.getF64Type(), fewCandidates));
  return arith::CmpFOp::create(b, CmpFPredicate::OGT, inside, few);
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

/// The key of a logit or, if that is not inside the bracket, the next one that is.
Value SamplingRow::keyInside(Bracket bracket, Value logit) {
  Value key = arith::MaxSIOp::create(b, keyOf(logit), keyAfter(bracket.holds));
  return arith::MinSIOp::create(b, key, keyBefore(bracket.fails));
}

/// Two keys inside the bracket, close around where the sum of exponentials would be the share of
/// top-p if they were spread over the logits as a logistic distribution with the moments that
/// computeTerms returns. A row whose spread is another takes more passes.
SamplingRow::Bracket SamplingRow::guessByMoments(Bracket bracket, ValueRange sums) {
  Value mean = arith::DivFOp::create(b, sums[1], sums[0]);
  Value square = arith::DivFOp::create(b, sums[2], sums[0]);
  Value variance = arith::SubFOp::create(b, square, arith::MulFOp::create(b, mean, mean));
  Value deviation = math::SqrtOp::create(b, larger(b, variance, b.constant(b.getF64Type(), 0)));
  Type f32 = b.getF32Type();
  // Far out in its tails nothing follows the distribution.
  Value share = larger(b, op.getTopP(), b.constant(f32, 1.0 / 256));
  share = smaller(b, share, b.constant(f32, 1 - 1.0 / 256));
  Value odds = arith::DivFOp::create(b, share, arith::SubFOp::create(b, b.constant(f32, 1), share));
  // A logistic distribution of deviation 1 has this scale, sqrt(3) / pi.
  Value below = arith::MulFOp::create(b, toDouble(math::LogOp::create(b, odds)),
                                      b.constant(b.getF64Type(), 0.55132889542179));
  auto keyAt = [&](double deviations) {
    Value steps = arith::SubFOp::create(b, b.constant(b.getF64Type(), deviations), below);
    Value depth = arith::AddFOp::create(b, mean, arith::MulFOp::create(b, steps, deviation));
    return keyInside(bracket, arith::AddFOp::create(b, maxLogit, b.convertFloat(depth, floatType)));
  };
  constexpr double around = 1.0 / 8;
  return {keyAt(-around), keyAt(around)};
}

/// The same if the sum fell evenly from `sums[0]` at the bracket's lower end to `sums[1]` at its
/// upper end.
SamplingRow::Bracket SamplingRow::guessAround(Bracket bracket, Value floor, ValueRange sums,
                                              Value wanted) {
  Value low = larger(b, logitOf(bracket.holds), floor);
  Value high = smaller(b, logitOf(bracket.fails), maxLogit);
  Value width = arith::SubFOp::create(b, high, low);
  Value share = arith::DivFOp::create(b, arith::SubFOp::create(b, sums[0], wanted),
                                      arith::SubFOp::create(b, sums[0], sums[1]));
  share = b.convertFloat(share, floatType);
  auto keyAt = [&](double offset, double least, double most) {
    Value at = arith::AddFOp::create(b, share, b.constant(floatType, offset));
    at = smaller(b, larger(b, at, b.constant(floatType, least)), b.constant(floatType, most));
    return keyInside(bracket, arith::AddFOp::create(b, low, arith::MulFOp::create(b, at, width)));
  };
  constexpr double around = 1.0 / 16, end = 1.0 / 64;
  return {keyAt(-around, end, 1 - 2 * end), keyAt(around, 2 * end, 1 - end)};
}

/// Makes the bracket of the key that findTopP looks for smaller, and returns the sum of
/// exponentials beyond it: by passes over logits rather than over bits: logits lie close together.
/// Starts at the guess. Ends when few tokens are left inside.
Value SamplingRow::narrowTopP(Bracket &bracket, Value wanted, Value total, Bracket guess) {
  Value floor = lowestLikely(total), none = integer(b.getI64Type(), 0);
  // The bracket; sums from its ends on; passes; the keys to look at next.
  Values inits = {bracket.holds, bracket.fails, total,      b.constant(b.getF64Type(), 0),
                  none,          guess.holds,   guess.fails};
  SmallVector<Type> types(ValueRange(inits).getTypes());
  SmallVector<Location> locations(types.size(), b.getLoc());
  auto loop = scf::WhileOp::create(b, types, inits);
  OpBuilder::InsertionGuard guard(b);
  ValueRange state = b.createBlock(&loop.getBefore(), {}, types, locations)->getArguments();
  auto isLess = [&](Value x, Value y) {
    return arith::CmpIOp::create(b, CmpIPredicate::slt, x, y).getResult();
  };
  Value isWide = arith::AndIOp::create(b, isLess(keyAfter(state[0]), state[1]),
                                       mayHoldMany(state[0], state.slice(2, 2)));
  Value open =
      arith::AndIOp::create(b, isWide, isLess(state[4], integer(b.getI64Type(), mostPasses)));
  scf::ConditionOp::create(b, open, state);
  state = b.createBlock(&loop.getAfter(), {}, types, locations)->getArguments();
  Value low = state[5], high = state[6];
  Values found = massesFrom(low, high);
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
  Bracket inside = {lower(state[0], low, high), upper(state[1], low, high)};
  Value sums[] = {lower(state[2], found[0], found[1]), upper(state[3], found[0], found[1])};
  Bracket next = guessAround(inside, floor, sums, wanted);
  scf::YieldOp::create(b, ValueRange{inside.holds, inside.fails, sums[0], sums[1],
                                     arith::AddIOp::create(b, state[4], integer(b.getI64Type(), 1)),
                                     next.holds, next.fails});
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
  Value next = keyAfter(kept.key);
  // Of the ties that top-k left, only the kept ones count. Without ties there may be no logit.
  Value hasTies = arith::CmpIOp::create(b, CmpIPredicate::sgt, kept.ties, integer(i64, 0));
  Value tieMass =
      arith::MulFOp::create(b, arith::SIToFPOp::create(b, f64, kept.ties), weightOf(kept.key));
  tieMass = arith::SelectOp::create(b, hasTies, tieMass, b.constant(f64, 0));
  Values sums = computeTerms(next);
  Value total = arith::AddFOp::create(b, sums[0], tieMass);
  Value wanted = arith::MulFOp::create(b, arith::ExtFOp::create(b, f64, op.getTopP()), total);
  Bracket bracket = {arith::SelectOp::create(b, hasTies, kept.key, next), keyAfter(maxKey)};
  Value beyond = narrowTopP(bracket, wanted, total, guessByMoments(bracket, sums));
  Range inside = {b.index(0), collect(bracket)};
  auto massFrom = [&](Value bound) -> Value {
    return arith::AddFOp::create(b, beyond, candidateMass(inside, bound));
  };
  Value key = bisect(bracket, [&](Value bound) -> Value {
    return arith::CmpFOp::create(b, CmpFPredicate::OGE, massFrom(bound), wanted);
  });
  Value above = keyAfter(key);
  Value atTies = arith::CmpIOp::create(b, CmpIPredicate::eq, key, kept.key);
  Value equal = countIf(inside, [&](Value first, int64_t lanes) {
    return compare(CmpFPredicate::OEQ, load(scratch.candidates, first, lanes), logitOf(key));
  });
  Value available = arith::SelectOp::create(b, atTies, kept.ties, equal);
  Value missing = arith::SubFOp::create(b, wanted, massFrom(above));
  return simplify({key, tiesNeeded(b, missing, weightOf(key), available)}, equal);
}
