#include "passes/mask/IndexExpr.h"

using namespace mlir;
using namespace fovea;

/// Trees with more leaves stay opaque: sums of choices multiply.
static constexpr size_t maxLeaves = 64;

size_t IndexExpr::countLeaves() const {
  size_t count = kind == Kind::Linear;
  for (const IndexExpr &operand : operands)
    count += operand.countLeaves();
  return count;
}

std::optional<int64_t> IndexExpr::getConstant() const {
  if (kind == Kind::Linear && form.isConstant())
    return form.getConstant();
  return std::nullopt;
}

/// Applies a non-decreasing function (`flip` false) or a non-increasing one to all leaves.
static IndexExpr mapLeaves(const IndexExpr &expr, bool flip,
                           llvm::function_ref<LinearForm(const LinearForm &)> map) {
  if (expr.kind == IndexExpr::Kind::Linear)
    return map(expr.form);
  IndexExpr mapped = expr;
  for (IndexExpr &operand : mapped.operands)
    operand = mapLeaves(operand, flip, map);
  if (flip && expr.kind == IndexExpr::Kind::Min)
    mapped.kind = IndexExpr::Kind::Max;
  if (flip && expr.kind == IndexExpr::Kind::Max)
    mapped.kind = IndexExpr::Kind::Min;
  return mapped;
}

IndexExpr fovea::scale(const IndexExpr &expr, int64_t factor) {
  return mapLeaves(expr, factor < 0, [&](const LinearForm &form) { return form * factor; });
}

IndexExpr fovea::add(const IndexExpr &a, const IndexExpr &b) {
  if (a.kind == IndexExpr::Kind::Linear)
    return mapLeaves(b, false, [&](const LinearForm &form) { return form + a.form; });
  IndexExpr sum = a;
  for (IndexExpr &operand : sum.operands)
    operand = add(operand, b);
  return sum;
}

IndexExpr fovea::subtract(const IndexExpr &a, const IndexExpr &b) { return add(a, scale(b, -1)); }

IndexExpr fovea::floorDivide(const IndexExpr &expr, int64_t divisor) {
  return mapLeaves(expr, false, [&](const LinearForm &form) {
    return LinearForm::floorDivision(form, divisor);
  });
}

MaskPredicate fovea::atLeastZero(const IndexExpr &expr) {
  if (expr.kind == IndexExpr::Kind::Linear)
    return MaskPredicate::atLeastZero(expr.form);
  MaskPredicate a = atLeastZero(expr.operands[0]), b = atLeastZero(expr.operands[1]);
  switch (expr.kind) {
  case IndexExpr::Kind::Min:
    return MaskPredicate::conjunction({a, b});
  case IndexExpr::Kind::Max:
    return MaskPredicate::disjunction({a, b});
  default:
    return MaskPredicate::disjunction({MaskPredicate::conjunction({expr.condition, a}),
                                       MaskPredicate::conjunction({expr.condition.negation(), b})});
  }
}

/// Between two expressions the larger is chosen before the remainder is taken.
IndexExpr fovea::remainder(const IndexExpr &expr, int64_t divisor) {
  using Kind = IndexExpr::Kind;
  if (expr.kind == Kind::Linear)
    return expr.form - LinearForm::floorDivision(expr.form, divisor) * divisor;
  const IndexExpr &a = expr.operands[0], &b = expr.operands[1];
  IndexExpr choice(Kind::Choice, remainder(a, divisor), remainder(b, divisor));
  choice.condition = expr.kind == Kind::Choice ? expr.condition
                     : expr.kind == Kind::Max  ? atLeastZero(subtract(a, b))
                                               : atLeastZero(subtract(b, a));
  return choice;
}

/// Forms with more terms, those of dividends included, stay opaque: quotients of sums of quotients
/// double.
static constexpr size_t maxTerms = 64;

static size_t countTerms(const LinearForm &form) {
  size_t count = form.getTerms().size();
  for (const LinearForm::Term &term : form.getTerms())
    count += term.dividend ? countTerms(*term.dividend) : 0;
  return count;
}

static bool isUsable(const LinearForm &form) {
  if (!form.isValid() || std::abs(form.getConstant()) > maxMagnitude)
    return false;
  return llvm::all_of(form.getTerms(), [](const LinearForm::Term &term) {
    return term.coefficient > -maxMagnitude && term.coefficient < maxMagnitude &&
           (!term.dividend || isUsable(*term.dividend));
  });
}

bool IndexExpr::isUsable() const {
  if (kind == Kind::Linear)
    return countTerms(form) <= maxTerms && ::isUsable(form);
  return countLeaves() <= maxLeaves &&
         llvm::all_of(operands, [](const IndexExpr &operand) { return operand.isUsable(); });
}
