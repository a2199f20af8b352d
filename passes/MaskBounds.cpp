#include "passes/MaskBounds.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace fovea;

namespace {
/// Key positions [lo, hi); empty if hi <= lo.
struct Interval {
  Value lo, hi;
};

/// Keys that some query of the block may see are in `any` (which may hold too many); keys in
/// `all` every query sees (it may hold too few).
struct Visible {
  Interval any, all;
};

class IntervalEmitter {
public:
  IntervalEmitter(EmitBuilder &b, Region &region, IRMapping &mapping, Value first, Value last,
                  Value keys)
      : b(b), region(region), forms(b, b.getLoc(), region, mapping), first(first), last(last),
        keys(keys) {}
  Visible emit(const MaskPredicate &predicate);

private:
  Visible emitLinear(const LinearForm &form);
  Interval threshold(Value i, const PositionForm &atom, Value rest);
  Visible emitAnd(const Visible &lhs, const Visible &rhs);
  Visible emitOr(const Visible &lhs, const Visible &rhs);

  Value max(Value lhs, Value rhs) { return b.createOrFold<arith::MaxSIOp>(lhs, rhs); }
  Value select(Value condition, Value yes, Value no) {
    return b.createOrFold<arith::SelectOp>(condition, yes, no);
  }
  Interval intersect(Interval x, Interval y) { return {max(x.lo, y.lo), b.min(x.hi, y.hi)}; }
  Interval whole() { return {b.index(0), keys}; }
  /// The neutral element of the hull.
  Interval empty() { return {keys, b.index(0)}; }

  EmitBuilder &b;
  Region &region;
  PredicateEmitter forms;
  Value first, last, keys;
};
} // namespace

/// The j with `iCoefficient * i + jCoefficient * j + rest >= 0`, for one i.
Interval IntervalEmitter::threshold(Value i, const PositionForm &atom, Value rest) {
  Value known = b.add(b.mul(i, b.index(atom.iCoefficient)), rest);
  if (atom.jCoefficient == 0) {
    Value holds = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sge, known, b.index(0));
    return {b.index(0), select(holds, keys, b.index(0))};
  }
  Value divisor = b.index(std::abs(atom.jCoefficient));
  if (atom.jCoefficient < 0) // j <= floor(known / divisor)
    return {b.index(0), b.add(b.createOrFold<arith::FloorDivSIOp>(known, divisor), b.index(1))};
  // j >= ceil(-known / divisor) = -floor(known / divisor)
  return {b.sub(b.index(0), b.createOrFold<arith::FloorDivSIOp>(known, divisor)), keys};
}

Visible IntervalEmitter::emitLinear(const LinearForm &form) {
  Block &block = region.front();
  auto atom = splitPositions(form, block.getArgument(2), block.getArgument(3), region);
  if (!atom)
    return {whole(), empty()};
  // The bound is monotone in i: one end of the interval lets through most, the other least.
  Value rest = forms.emit(atom->rest);
  Interval atFirst = threshold(first, *atom, rest);
  if (atom->iCoefficient == 0)
    return {atFirst, atFirst};
  Interval atLast = threshold(last, *atom, rest);
  if (atom->iCoefficient > 0)
    return {atLast, atFirst};
  return {atFirst, atLast};
}

Visible IntervalEmitter::emitAnd(const Visible &lhs, const Visible &rhs) {
  return {intersect(lhs.any, rhs.any), intersect(lhs.all, rhs.all)};
}

Visible IntervalEmitter::emitOr(const Visible &lhs, const Visible &rhs) {
  Interval any = {b.min(lhs.any.lo, rhs.any.lo), max(lhs.any.hi, rhs.any.hi)};
  // The union of two intervals need not be one: keep the longer.
  Value lhsLonger = b.createOrFold<arith::CmpIOp>(
      arith::CmpIPredicate::sge, b.sub(lhs.all.hi, lhs.all.lo), b.sub(rhs.all.hi, rhs.all.lo));
  Interval all = {select(lhsLonger, lhs.all.lo, rhs.all.lo),
                  select(lhsLonger, lhs.all.hi, rhs.all.hi)};
  return {any, all};
}

Visible IntervalEmitter::emit(const MaskPredicate &predicate) {
  using Kind = MaskPredicate::Kind;
  switch (predicate.getKind()) {
  case Kind::True:
    return {whole(), whole()};
  case Kind::False:
    return {empty(), empty()};
  case Kind::Opaque:
    return {whole(), empty()};
  case Kind::Linear:
    return emitLinear(predicate.getForm());
  case Kind::And:
  case Kind::Or:
    break;
  }
  Visible result = emit(predicate.getOperands().front());
  for (const MaskPredicate &operand : llvm::drop_begin(predicate.getOperands()))
    result = predicate.getKind() == Kind::And ? emitAnd(result, emit(operand))
                                              : emitOr(result, emit(operand));
  return result;
}

static bool hasPositionAtom(const MaskPredicate &predicate, Region &region) {
  if (predicate.getKind() == MaskPredicate::Kind::Linear) {
    Block &block = region.front();
    return splitPositions(predicate.getForm(), block.getArgument(2), block.getArgument(3), region)
        .has_value();
  }
  return predicate.isTrue() || predicate.isFalse() ||
         llvm::any_of(predicate.getOperands(), [&](const MaskPredicate &operand) {
           return hasPositionAtom(operand, region);
         });
}

static bool isBoundedBelow(const MaskPredicate &predicate, Region &region) {
  auto isBounded = [&](const MaskPredicate &operand) { return isBoundedBelow(operand, region); };
  switch (predicate.getKind()) {
  case MaskPredicate::Kind::And:
    return llvm::any_of(predicate.getOperands(), isBounded);
  case MaskPredicate::Kind::Or:
    return llvm::all_of(predicate.getOperands(), isBounded);
  case MaskPredicate::Kind::Linear: {
    Block &block = region.front();
    auto atom =
        splitPositions(predicate.getForm(), block.getArgument(2), block.getArgument(3), region);
    return atom && atom->jCoefficient > 0 && atom->iCoefficient < 0;
  }
  default:
    return false;
  }
}

bool fovea::isWindowed(attn::AttentionOp op) {
  return op.hasMask() && MaskBoundsEmitter(op.getMask()).boundsKeysBelow();
}

bool MaskBoundsEmitter::boundsKeysBelow() const { return isBoundedBelow(predicate, region); }

bool MaskBoundsEmitter::boundsKeys() const { return hasPositionAtom(predicate, region); }

MaskBounds fovea::unmaskedBounds(EmitBuilder &b, Value keys) {
  return {b.index(0), b.index(0), keys, keys};
}

MaskBounds MaskBoundsEmitter::emit(EmitBuilder &b, Value batch, Value head, Value first, Value last,
                                   Value keys) const {
  IRMapping mapping;
  mapping.map(region.front().getArgument(0), batch);
  mapping.map(region.front().getArgument(1), head);
  IntervalEmitter emitter(b, region, mapping, first, last, keys);
  Visible visible = emitter.emit(predicate);
  // low <= high; where the value is one of them, no code is wanted.
  auto clamp = [&](Value value, Value low, Value high) {
    if (isEqualConstantIntOrValue(value, low))
      return low;
    if (isEqualConstantIntOrValue(value, high))
      return high;
    return b.min(b.createOrFold<arith::MaxSIOp>(value, low), high);
  };
  MaskBounds bounds;
  bounds.anyLo = clamp(visible.any.lo, b.index(0), keys);
  bounds.anyHi = clamp(visible.any.hi, bounds.anyLo, keys);
  bounds.allLo = clamp(visible.all.lo, bounds.anyLo, bounds.anyHi);
  bounds.allHi = clamp(visible.all.hi, bounds.allLo, bounds.anyHi);
  return bounds;
}
