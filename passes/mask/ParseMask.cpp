#include "passes/mask/ParseMask.h"
#include "mlir/IR/Matchers.h"
#include "passes/mask/FloatChoice.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fovea;

/// Predicates with more atoms stay opaque: exclusive ors double.
static constexpr size_t maxAtoms = 256;

static MaskPredicate exclusiveOr(const MaskPredicate &a, const MaskPredicate &b) {
  return MaskPredicate::disjunction({MaskPredicate::conjunction({a, b.negation()}),
                                     MaskPredicate::conjunction({a.negation(), b})});
}

/// a < b, or a <= b.
static MaskPredicate isBelow(const IndexExpr &a, const IndexExpr &b, bool orEqual) {
  IndexExpr difference = subtract(b, a);
  return atLeastZero(orEqual ? difference : add(difference, IndexExpr(LinearForm(-1))));
}

std::optional<MaskPredicate> MaskParser::parseComparison(arith::CmpIOp op) {
  using Predicate = arith::CmpIPredicate;
  if (op.getLhs().getType().isInteger(1)) {
    MaskPredicate differ = exclusiveOr(parsePredicate(op.getLhs()), parsePredicate(op.getRhs()));
    if (op.getPredicate() == Predicate::eq)
      return differ.negation();
    return op.getPredicate() == Predicate::ne ? std::optional(differ) : std::nullopt;
  }
  IndexExpr a = parseIndex(op.getLhs()), b = parseIndex(op.getRhs());
  if (!subtract(a, b).isUsable())
    return std::nullopt;
  MaskPredicate aNegative = isBelow(a, LinearForm(0), false);
  bool orEqual = false;
  switch (op.getPredicate()) {
  case Predicate::eq:
    return MaskPredicate::conjunction({isBelow(a, b, true), isBelow(b, a, true)});
  case Predicate::ne:
    return MaskPredicate::disjunction({isBelow(a, b, false), isBelow(b, a, false)});
  case Predicate::slt:
    return isBelow(a, b, false);
  case Predicate::sle:
    return isBelow(a, b, true);
  case Predicate::sgt:
    return isBelow(b, a, false);
  case Predicate::sge:
    return isBelow(b, a, true);
  case Predicate::ugt:
  case Predicate::uge: {
    // a > b as unsigned numbers where a >= 0: 0 <= b < a.
    if (!isNeverNegative(a))
      return std::nullopt;
    orEqual = op.getPredicate() == Predicate::uge;
    return MaskPredicate::conjunction({isBelow(LinearForm(0), b, true), isBelow(b, a, orEqual)});
  }
  case Predicate::ult:
  case Predicate::ule:
    if (!isNeverNegative(b))
      return std::nullopt;
    orEqual = op.getPredicate() == Predicate::ule;
    return MaskPredicate::conjunction({aNegative.negation(), isBelow(a, b, orEqual)});
  }
  return std::nullopt;
}

/// Comparisons of numbers that predicates choose, as in `tril(ones) == 0`.
std::optional<MaskPredicate> MaskParser::parseFloatComparison(arith::CmpFOp op) {
  auto read = [&](Value condition) { return parsePredicate(condition); };
  auto lhs = readFloatChoices(op.getLhs(), read);
  auto rhs = lhs ? readFloatChoices(op.getRhs(), read) : std::nullopt;
  if (!rhs)
    return std::nullopt;
  std::vector<MaskPredicate> cases;
  for (const FloatChoice &a : *lhs)
    for (const FloatChoice &b : *rhs)
      if (arith::applyCmpPredicate(op.getPredicate(), a.value, b.value))
        cases.push_back(MaskPredicate::conjunction({a.when, b.when}));
  return MaskPredicate::disjunction(std::move(cases));
}

std::optional<MaskPredicate> MaskParser::parseBooleanOp(Operation *op) {
  auto operand = [&](unsigned i) { return parsePredicate(op->getOperand(i)); };
  return llvm::TypeSwitch<Operation *, std::optional<MaskPredicate>>(op)
      .Case<arith::CmpIOp>([&](arith::CmpIOp cmp) { return parseComparison(cmp); })
      .Case<arith::CmpFOp>([&](arith::CmpFOp cmp) { return parseFloatComparison(cmp); })
      .Case<arith::AndIOp>([&](auto) {
        return MaskPredicate::conjunction({operand(0), operand(1)});
      })
      .Case<arith::OrIOp>([&](auto) {
        return MaskPredicate::disjunction({operand(0), operand(1)});
      })
      .Case<arith::XOrIOp>([&](auto) { return exclusiveOr(operand(0), operand(1)); })
      .Case<arith::SelectOp>([&](auto) {
        MaskPredicate condition = operand(0);
        return MaskPredicate::disjunction(
            {MaskPredicate::conjunction({condition, operand(1)}),
             MaskPredicate::conjunction({condition.negation(), operand(2)})});
      })
      .Default([](Operation *) { return std::nullopt; });
}

static size_t countAtoms(const MaskPredicate &predicate) {
  size_t count = 1;
  for (const MaskPredicate &operand : predicate.getOperands())
    count += countAtoms(operand);
  return count;
}

MaskPredicate MaskParser::parsePredicate(Value value) {
  if (auto it = knownPredicates.find(value); it != knownPredicates.end())
    return it->second;
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return MaskPredicate::constant(!constant.isZero());
  if (Operation *op = value.getDefiningOp(); op && depth < maxDepth) {
    ++depth;
    std::optional<MaskPredicate> parsed = parseBooleanOp(op);
    --depth;
    bool isKnown = parsed && countAtoms(*parsed) <= maxAtoms;
    return knownPredicates.try_emplace(value, isKnown ? *parsed : MaskPredicate::opaque(value))
        .first->second;
  }
  return MaskPredicate::opaque(value);
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

MaskPredicate fovea::analyzePredicate(Value value, Region &region) {
  return MaskParser(region).parsePredicate(value);
}

MaskPredicate fovea::analyzeMaskRegion(Region &region) {
  return analyzePredicate(region.front().getTerminator()->getOperand(0), region);
}

std::optional<LinearForm> fovea::analyzeIndex(Value value, Region &region) {
  IndexExpr expr = MaskParser(region).parseIndex(value);
  if (expr.kind != IndexExpr::Kind::Linear)
    return std::nullopt;
  return expr.form;
}
