#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/EmitSampling.h"

using namespace mlir;
using namespace fovea;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

SamplingRow::SamplingRow(EmitBuilder &builder, attn::SampleOp op, Value row,
                         const TargetInfo &target)
    : b(builder), op(op), row(row), size(b.dim(op.getLogits(), 1)),
      floatType(getElementTypeOrSelf(op.getLogits()).isF64() ? FloatType(b.getF64Type())
                                                             : FloatType(b.getF32Type())),
      keyType(b.getIntegerType(floatType.getWidth())),
      lanes(cast<MemRefType>(op.getLogits().getType()).isLastDimUnitStride()
                ? target.lanes(floatType.getWidth())
                : 1) {}

//===------------------------------------------------------------------------------------------===//
// Rows
//===------------------------------------------------------------------------------------------===//

Type SamplingRow::onLanes(Type element, int64_t lanes) { return VectorType::get({lanes}, element); }

Value SamplingRow::integer(Type type, int64_t value) {
  TypedAttr scalar = b.getIntegerAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    scalar = DenseElementsAttr::get(vector, Attribute(scalar));
  return arith::ConstantOp::create(b, scalar);
}

/// Combines `term` over all tokens: vectors first, then the lanes, then the tail.
Value SamplingRow::reduce(TypedAttr neutral, Term term, Combine combine) {
  auto type = cast<VectorType>(onLanes(neutral.getType(), lanes));
  Value start = arith::ConstantOp::create(b, DenseElementsAttr::get(type, Attribute(neutral)));
  Value whole = b.roundDown(size, lanes);
  SmallVector<Value> total =
      b.loop(b.index(0), whole, lanes, start, [&](Value first, ValueRange carried) {
        return SmallVector<Value>{combine(carried[0], term(first, lanes))};
      });
  total = {b.reduceLanes(total[0], combine)};
  total = b.loop(whole, size, 1, total, [&](Value first, ValueRange carried) {
    return SmallVector<Value>{combine(carried[0], term(first, 1))};
  });
  return vector::ExtractOp::create(b, total[0], 0);
}

Value SamplingRow::sum(Type element, Term term) {
  bool isFloat = isa<FloatType>(element);
  return reduce(cast<TypedAttr>(b.getZeroAttr(element)), term, [&](Value x, Value y) -> Value {
    if (isFloat)
      return arith::AddFOp::create(b, x, y);
    return arith::AddIOp::create(b, x, y);
  });
}

Value SamplingRow::logits(Value first, int64_t count) {
  Value memref = op.getLogits();
  Type element = getElementTypeOrSelf(memref);
  Value values;
  if (count == 1)
    values = vector::BroadcastOp::create(b, onLanes(element, 1),
                                         memref::LoadOp::create(b, memref, ValueRange{row, first}));
  else
    values = vector::LoadOp::create(b, cast<VectorType>(onLanes(element, count)), memref,
                                    ValueRange{row, first});
  if (element == floatType)
    return values;
  return arith::ExtFOp::create(b, onLanes(floatType, count), values);
}

/// The smallest key stands for NaN, which no limit keeps.
static int64_t nanKey(IntegerType type) {
  return APInt::getSignedMinValue(type.getWidth()).getSExtValue();
}

/// Bits of floats in the order of their values: those of negative floats run backwards.
static Value flipNegative(EmitBuilder &b, Value bits, Value shift, Value mask) {
  Value sign = arith::ShRSIOp::create(b, bits, shift);
  return arith::XOrIOp::create(b, bits, arith::AndIOp::create(b, sign, mask));
}

Value SamplingRow::keys(Value logits) {
  int64_t count = cast<VectorType>(logits.getType()).getNumElements();
  Type type = onLanes(keyType, count);
  // Adding zero makes -0 equal to +0.
  Value sum = arith::AddFOp::create(b, logits, b.constant(logits.getType(), 0));
  Value bits = arith::BitcastOp::create(b, type, sum);
  Value ordered =
      flipNegative(b, bits, integer(type, keyType.getWidth() - 1), integer(type, ~nanKey(keyType)));
  Value isNan = arith::CmpFOp::create(b, CmpFPredicate::UNO, logits, logits);
  return arith::SelectOp::create(b, isNan, integer(type, nanKey(keyType)), ordered);
}

Value SamplingRow::logitOf(Value key) {
  Value bits = flipNegative(b, key, integer(keyType, keyType.getWidth() - 1),
                            integer(keyType, ~nanKey(keyType)));
  return arith::BitcastOp::create(b, floatType, bits);
}

/// exp((logits - largest logit) / divisor).
Value SamplingRow::exponentials(Value logits, Value divisor) {
  Type type = logits.getType();
  Value shifted = arith::SubFOp::create(b, logits, b.splat(type, maxLogit));
  if (divisor)
    shifted = arith::DivFOp::create(b, shifted, b.splat(type, divisor));
  return math::ExpOp::create(b, shifted);
}

/// Sums over the vocabulary are f64.
Value SamplingRow::toDouble(Value floats) {
  if (floatType.isF64())
    return floats;
  Type type = b.getF64Type();
  if (auto vector = dyn_cast<VectorType>(floats.getType()))
    type = vector.clone(type);
  return arith::ExtFOp::create(b, type, floats);
}

Value SamplingRow::largestKey() {
  return reduce(
      b.getIntegerAttr(keyType, nanKey(keyType)),
      [&](Value first, int64_t count) { return keys(logits(first, count)); },
      [&](Value x, Value y) { return arith::MaxSIOp::create(b, x, y); });
}

static Value tokenNumbers(EmitBuilder &b, Value first, int64_t count) {
  auto type = VectorType::get({count}, b.getIndexType());
  return arith::AddIOp::create(b, vector::BroadcastOp::create(b, type, first),
                               vector::StepOp::create(b, type));
}

Value SamplingRow::firstWithKey(Value key) {
  auto term = [&](Value first, int64_t count) -> Value {
    Value found = arith::CmpIOp::create(b, CmpIPredicate::eq, keys(logits(first, count)),
                                        b.splat(onLanes(keyType, count), key));
    Value tokens = tokenNumbers(b, first, count);
    return arith::SelectOp::create(b, found, tokens, b.splat(tokens.getType(), size));
  };
  return reduce(b.getIndexAttr(std::numeric_limits<int64_t>::max()), term,
                [&](Value x, Value y) { return arith::MinSIOp::create(b, x, y); });
}

//===------------------------------------------------------------------------------------------===//
// Thresholds
//===------------------------------------------------------------------------------------------===//

static Value atLeastKey(EmitBuilder &b, Value keys, Value bound) {
  return arith::CmpIOp::create(b, CmpIPredicate::sge, keys, b.splat(keys.getType(), bound));
}

static Value aboveKey(EmitBuilder &b, Value keys, Value bound) {
  return arith::CmpIOp::create(b, CmpIPredicate::sgt, keys, b.splat(keys.getType(), bound));
}

/// How many keys are at least `bound`, as i64.
Value SamplingRow::count(Value bound) {
  return sum(b.getI64Type(), [&](Value first, int64_t lanes) -> Value {
    Value kept = atLeastKey(b, keys(logits(first, lanes)), bound);
    return arith::ExtUIOp::create(b, onLanes(b.getI64Type(), lanes), kept);
  });
}

/// The sum of exponentials of the kept keys that are at least `bound`, itself above kept.key.
Value SamplingRow::mass(Value bound, const Threshold &kept) {
  return sum(b.getF64Type(), [&](Value first, int64_t lanes) -> Value {
    Value values = logits(first, lanes);
    Value ordered = keys(values);
    Value inside =
        arith::AndIOp::create(b, atLeastKey(b, ordered, bound), aboveKey(b, ordered, kept.key));
    Value terms = exponentials(values, nullptr);
    Value zero = b.constant(terms.getType(), 0);
    return toDouble(arith::SelectOp::create(b, inside, terms, zero));
  });
}

/// The largest key at which `test` is true, given one where it holds below one where it fails;
/// it is true up to some key and false above.
Value SamplingRow::bisect(Value holds, Value fails, function_ref<Value(Value)> test) {
  SmallVector<Type> types = {keyType, keyType};
  auto loop = scf::WhileOp::create(b, types, ValueRange{holds, fails});
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Location> locations(2, b.getLoc());
  Block *before = b.createBlock(&loop.getBefore(), {}, types, locations);
  Value next = arith::AddIOp::create(b, before->getArgument(0), integer(keyType, 1));
  Value open = arith::CmpIOp::create(b, CmpIPredicate::slt, next, before->getArgument(1));
  scf::ConditionOp::create(b, open, before->getArguments());
  Block *after = b.createBlock(&loop.getAfter(), {}, types, locations);
  Value low = after->getArgument(0), high = after->getArgument(1);
  // The mean, rounded down, without overflow.
  Value difference =
      arith::ShRSIOp::create(b, arith::XOrIOp::create(b, low, high), integer(keyType, 1));
  Value middle = arith::AddIOp::create(b, arith::AndIOp::create(b, low, high), difference);
  Value passed = test(middle);
  scf::YieldOp::create(b, ValueRange{arith::SelectOp::create(b, passed, middle, low),
                                     arith::SelectOp::create(b, passed, high, middle)});
  return loop.getResult(0);
}

SamplingRow::Threshold SamplingRow::all() {
  return {integer(keyType, nanKey(keyType)), integer(b.getI64Type(), 0)};
}

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

SamplingRow::Threshold SamplingRow::keepTopK() {
  Value smallest = integer(keyType, nanKey(keyType) + 1), k = op.getTopK();
  Value numbers = count(smallest);
  Value isLimit = arith::AndIOp::create(
      b, arith::CmpIOp::create(b, CmpIPredicate::sgt, k, integer(b.getI64Type(), 0)),
      arith::CmpIOp::create(b, CmpIPredicate::slt, k, numbers));
  auto find = [&]() -> Threshold {
    Value one = integer(keyType, 1);
    Value key = bisect(smallest, arith::AddIOp::create(b, maxKey, one), [&](Value bound) {
      return arith::CmpIOp::create(b, CmpIPredicate::sge, count(bound), k);
    });
    return {key, arith::SubIOp::create(b, k, count(arith::AddIOp::create(b, key, one)))};
  };
  return emitIf(isLimit, find, all());
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
  Value one = b.constant(f64, 1);
  Value isAbove = arith::CmpFOp::create(b, CmpFPredicate::OGT, needed, one);
  needed = arith::SelectOp::create(b, isAbove, needed, one);
  return arith::FPToSIOp::create(b, b.getI64Type(), needed);
}

SamplingRow::Threshold SamplingRow::keepTopP(const Threshold &kept) {
  Type f32 = b.getF32Type(), i64 = b.getI64Type();
  Value isLimit = arith::CmpFOp::create(b, CmpFPredicate::OLT, op.getTopP(), b.constant(f32, 1));
  auto find = [&]() -> Threshold {
    Value one = integer(keyType, 1), next = arith::AddIOp::create(b, kept.key, one);
    auto weightOf = [&](Value key) { return toDouble(exponentials(logitOf(key), nullptr)); };
    // Of the ties that top-k left, only the kept ones count. Without ties there may be no logit.
    Value hasTies = arith::CmpIOp::create(b, CmpIPredicate::sgt, kept.ties, integer(i64, 0));
    Value tieCount = arith::SIToFPOp::create(b, b.getF64Type(), kept.ties);
    Value ofTies =
        arith::SelectOp::create(b, hasTies, arith::MulFOp::create(b, tieCount, weightOf(kept.key)),
                                b.constant(b.getF64Type(), 0));
    Value total = arith::AddFOp::create(b, mass(next, kept), ofTies);
    Value p = arith::ExtFOp::create(b, b.getF64Type(), op.getTopP());
    Value wanted = arith::MulFOp::create(b, p, total);
    Value holds = arith::SelectOp::create(b, hasTies, kept.key, next);
    Value key = bisect(holds, arith::AddIOp::create(b, maxKey, one), [&](Value bound) {
      return arith::CmpFOp::create(b, CmpFPredicate::OGE, mass(bound, kept), wanted);
    });
    Value above = arith::AddIOp::create(b, key, one);
    Value atTies = arith::CmpIOp::create(b, CmpIPredicate::eq, key, kept.key);
    Value equal = arith::SubIOp::create(b, count(key), count(above));
    Value available = arith::SelectOp::create(b, atTies, kept.ties, equal);
    Value missing = arith::SubFOp::create(b, wanted, mass(above, kept));
    return {key, tiesNeeded(b, missing, weightOf(key), available)};
  };
  return emitIf(isLimit, find, kept);
}

//===------------------------------------------------------------------------------------------===//
// The draw
//===------------------------------------------------------------------------------------------===//

/// The token of the last tie that is kept; any token before the first if none is.
Value SamplingRow::lastTie(const Threshold &kept) {
  Type i64 = b.getI64Type();
  Value none = arith::ConstantIndexOp::create(b, -1);
  SmallVector<Value> inits = {none, kept.ties};
  return b.loop(b.index(0), size, 1, inits, [&](Value token, ValueRange carried) {
    Value key = vector::ExtractOp::create(b, keys(logits(token, 1)), 0);
    Value left = carried[1];
    Value isTie =
        arith::AndIOp::create(b, arith::CmpIOp::create(b, CmpIPredicate::eq, key, kept.key),
                              arith::CmpIOp::create(b, CmpIPredicate::sgt, left, integer(i64, 0)));
    Value fewer = arith::SubIOp::create(b, left, integer(i64, 1));
    return SmallVector<Value>{arith::SelectOp::create(b, isTie, token, carried[0]),
                              arith::SelectOp::create(b, isTie, fewer, left)};
  })[0];
}

/// exp((logit - largest) / temperature) of what all limits keep, else 0.
Value SamplingRow::weights(Value first, int64_t lanes, const Threshold &kept, Value lastTie) {
  Value values = logits(first, lanes);
  Value ordered = keys(values), tokens = tokenNumbers(b, first, lanes);
  Value isTie =
      arith::CmpIOp::create(b, CmpIPredicate::eq, ordered, b.splat(ordered.getType(), kept.key));
  Value inTime =
      arith::CmpIOp::create(b, CmpIPredicate::sle, tokens, b.splat(tokens.getType(), lastTie));
  Value inside = arith::OrIOp::create(b, aboveKey(b, ordered, kept.key),
                                      arith::AndIOp::create(b, isTie, inTime));
  Type type = values.getType();
  Value minP = op.getMinP(), temperature = op.getTemperature();
  if (floatType.isF64()) {
    minP = arith::ExtFOp::create(b, floatType, minP);
    temperature = arith::ExtFOp::create(b, floatType, temperature);
  }
  Value likely = arith::CmpFOp::create(b, CmpFPredicate::OGE, exponentials(values, nullptr),
                                       b.splat(type, minP));
  inside = arith::AndIOp::create(b, inside, likely);
  return arith::SelectOp::create(b, inside, exponentials(values, temperature), b.constant(type, 0));
}

/// Visits all tokens in order with their weights as f64; whole vectors of weight 0 are skipped.
SmallVector<Value>
SamplingRow::walk(const Threshold &kept, Value lastTie, ValueRange inits,
                  function_ref<SmallVector<Value>(Value, Value, ValueRange)> step) {
  auto visit = [&](Value first, int64_t lanes, ValueRange carried) -> SmallVector<Value> {
    Value vector = weights(first, lanes, kept, lastTie);
    Value total = vector::ReductionOp::create(b, vector::CombiningKind::MAXNUMF, vector);
    Value any = arith::CmpFOp::create(b, CmpFPredicate::OGT, total, b.constant(floatType, 0));
    auto branch = scf::IfOp::create(b, carried.getTypes(), any, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(b, carried);
    b.setInsertionPointToStart(branch.thenBlock());
    SmallVector<Value> values(carried);
    for (int64_t i = 0; i < lanes; ++i)
      values =
          step(b.add(first, b.index(i)), toDouble(vector::ExtractOp::create(b, vector, i)), values);
    scf::YieldOp::create(b, values);
    return branch.getResults();
  };
  Value whole = b.roundDown(size, lanes);
  SmallVector<Value> values =
      b.loop(b.index(0), whole, lanes, inits,
             [&](Value first, ValueRange carried) { return visit(first, lanes, carried); });
  return b.loop(whole, size, 1, values,
                [&](Value first, ValueRange carried) { return visit(first, 1, carried); });
}

/// The first token at which the running sum of weights exceeds the uniform number's share of
/// all; both walks add in the same order, so that there is one.
Value SamplingRow::draw(const Threshold &kept) {
  Value last = lastTie(kept), zero = b.constant(b.getF64Type(), 0);
  Value total = walk(kept, last, zero, [&](Value, Value weight, ValueRange carried) {
    return SmallVector<Value>{arith::AddFOp::create(b, carried[0], weight)};
  })[0];
  Value index = arith::IndexCastOp::create(b, b.getI64Type(), row);
  Value wanted = arith::MulFOp::create(b, emitUniform(b, op.getSeed(), index), total);
  SmallVector<Value> inits = {zero, size};
  return walk(kept, last, inits, [&](Value token, Value weight, ValueRange carried) {
    Value reached = arith::AddFOp::create(b, carried[0], weight);
    Value passed =
        arith::AndIOp::create(b, arith::CmpFOp::create(b, CmpFPredicate::OGT, reached, wanted),
                              arith::CmpIOp::create(b, CmpIPredicate::eq, carried[1], size));
    return SmallVector<Value>{reached, arith::SelectOp::create(b, passed, token, carried[1])};
  })[1];
}

Value SamplingRow::emit() {
  maxKey = largestKey();
  maxLogit = logitOf(maxKey);
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
  scf::YieldOp::create(b, draw(keepTopP(keepTopK())));
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, firstWithKey(maxKey));
  return branch.getResult(0);
}
