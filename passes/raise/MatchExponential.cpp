// What softmaxes are made of: powers with a shift that cancels, kept or 0 by a condition, and the
// addend that a sink is.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "passes/raise/NormalizedMatcher.h"
#include <cmath>
#include <numbers>

using namespace mlir;
using namespace fovea;

Value fovea::stripCasts(Value element) {
  while (isa_and_nonnull<arith::ExtFOp, arith::TruncFOp>(element.getDefiningOp()))
    element = element.getDefiningOp()->getOperand(0);
  return element;
}

Value fovea::matchPower(Value weight, double &logarithm) {
  logarithm = 1;
  if (auto exp = weight.getDefiningOp<math::ExpOp>())
    return exp.getOperand();
  logarithm = std::numbers::ln2;
  if (auto exp = weight.getDefiningOp<math::Exp2Op>())
    return exp.getOperand();
  auto power = weight.getDefiningOp<math::PowFOp>();
  APFloat base(0.0);
  if (!power || !matchPattern(power.getLhs(), m_ConstantFloat(&base)))
    return Value();
  logarithm = std::log(base.convertToDouble());
  return std::isfinite(logarithm) && logarithm != 0 ? power.getRhs() : Value();
}

/// Reads p where the number is 1 or 0 as a predicate holds: uitofp(p) or select(p, 1, 0).
static Value matchZeroOrOne(Value factor, bool &oneWhereTrue) {
  oneWhereTrue = true;
  if (auto cast = factor.getDefiningOp<arith::UIToFPOp>())
    return cast.getIn().getType().isInteger(1) ? cast.getIn() : Value();
  auto select = factor.getDefiningOp<arith::SelectOp>();
  if (!select)
    return Value();
  oneWhereTrue = matchPattern(select.getTrueValue(), m_OneFloat());
  if (oneWhereTrue ? matchPattern(select.getFalseValue(), m_AnyZeroFloat())
                   : matchPattern(select.getTrueValue(), m_AnyZeroFloat()) &&
                         matchPattern(select.getFalseValue(), m_OneFloat()))
    return select.getCondition();
  return Value();
}

/// `{value, p}` of a product that is `value` where p holds (or, by the flag, does not) and else 0.
std::pair<Value, Value> NormalizedMatcher::matchKeptWhere(Value product, bool &keepsWhereTrue) {
  if (auto select = product.getDefiningOp<arith::SelectOp>()) {
    keepsWhereTrue = matchPattern(select.getFalseValue(), m_AnyZeroFloat());
    if (keepsWhereTrue)
      return {select.getTrueValue(), select.getCondition()};
    if (matchPattern(select.getTrueValue(), m_AnyZeroFloat()))
      return {select.getFalseValue(), select.getCondition()};
  }
  if (auto mul = product.getDefiningOp<arith::MulFOp>())
    for (unsigned i : {0, 1})
      if (Value p = matchZeroOrOne(mul->getOperand(i), keepsWhereTrue))
        return {mul->getOperand(1 - i), p};
  return {};
}

/// The score where it is kept, else -inf, whose weight is 0.
Value NormalizedMatcher::emitMasked(Value score, Value allowed, bool keepsWhereTrue) {
  auto type = cast<FloatType>(score.getType());
  Value fill = arith::ConstantOp::create(
      builder, loc,
      FloatAttr::get(type, APFloat::getInf(type.getFloatSemantics(), /*Negative=*/true)));
  return arith::SelectOp::create(builder, loc, allowed, keepsWhereTrue ? score : fill,
                                 keepsWhereTrue ? fill : score);
}

/// A float times a number that is 1 for what needs no product.
Value NormalizedMatcher::times(Value value, double factor) {
  if (factor == 1)
    return value;
  auto type = cast<FloatType>(value.getType());
  Value number = arith::ConstantOp::create(builder, loc, FloatAttr::get(type, factor));
  return arith::MulFOp::create(builder, loc, value, number);
}

/// Matches exp(x - c) or exp(x), kept or 0 by a condition, of any base. Whatever c is, it cancels.
std::optional<Exponential> NormalizedMatcher::matchExponential(Value weight, int64_t keyDim) {
  double logarithm = 1;
  if (Value exponent = matchPower(weight, logarithm)) {
    Value shift;
    if (auto difference = exponent.getDefiningOp<arith::SubFOp>();
        difference && isSameForAllKeys(difference.getRhs(), keyDim)) {
      exponent = difference.getLhs();
      shift = difference.getRhs();
    }
    // Sinks are in base e.
    return Exponential{times(exponent, logarithm), shift ? times(shift, logarithm) : shift};
  }
  bool keepsWhereTrue = true;
  auto [kept, allowed] = matchKeptWhere(weight, keepsWhereTrue);
  auto inner = kept ? matchExponential(kept, keyDim) : std::nullopt;
  if (!inner)
    return std::nullopt;
  return Exponential{emitMasked(inner->score, allowed, keepsWhereTrue), inner->shift};
}

/// y of exp(y - shift), an addend of the sum of weights; exp(-shift) has a y of 0.
Value NormalizedMatcher::matchSink(Value addend, Value shift, int64_t keyDim) {
  auto exp = addend.getDefiningOp<math::ExpOp>();
  if (!exp || !isSameForAllKeys(addend, keyDim))
    return matchPattern(addend, m_OneFloat()) && !shift
               ? arith::ConstantOp::create(builder, loc, builder.getZeroAttr(addend.getType()))
                     .getResult()
               : Value();
  if (!shift)
    return exp.getOperand();
  if (auto negated = exp.getOperand().getDefiningOp<arith::NegFOp>();
      negated && computedAlike(negated.getOperand(), shift))
    return arith::ConstantOp::create(builder, loc, builder.getZeroAttr(addend.getType()));
  auto difference = exp.getOperand().getDefiningOp<arith::SubFOp>();
  return difference && computedAlike(difference.getRhs(), shift) ? difference.getLhs() : Value();
}
