// Operators, conditions and truth values in expressions.
#include "frontend/ImporterImpl.h"

namespace fovea {

using namespace ast;
using MaybeValue = Importer::MaybeValue;

std::optional<bool> Importer::truth(const Value &value, SourceRange range) {
  if (auto number = value.number())
    return *number != 0;
  if (value.isNone())
    return false;
  if (auto *text = value.get<TextValue>())
    return !text->text.empty();
  if (auto *elements = value.sequence())
    return !elements->empty();
  if (value.is<SymbolicTensor>() || value.is<ScalarValue>())
    return fail(range, "a condition must be known at compile time, and this is " +
                           value.describe() + "; use where(condition, a, b)");
  if (value.is<SymbolicDim>())
    return fail(range, "a condition must be known at compile time, and this depends on " +
                           value.describe());
  return true;
}

MaybeValue Importer::evaluateUnary(const UnaryExpr &expr, Scope *scope) {
  MaybeValue operand = evaluate(expr.operand, scope);
  if (!operand)
    return std::nullopt;
  bool atRunTime = operand->is<SymbolicTensor>() || operand->is<ScalarValue>();
  switch (expr.op) {
  case TokenKind::Minus:
    return unary(UnaryKind::Neg, *operand, expr.range);
  case TokenKind::Plus:
    if (!atRunTime && !operand->number() && !operand->dim())
      return fail(expr.range, "'+' takes a number or a tensor, got " + operand->describe());
    return operand;
  case TokenKind::KwNot:
    if (!atRunTime) {
      auto condition = truth(*operand, expr.operand->range);
      return condition ? MaybeValue(Value(!*condition)) : std::nullopt;
    }
    if (operand->is<SymbolicTensor>() && !region)
      return fail(expr.range, "'not' takes one truth value; write '~' for a tensor");
    return unary(UnaryKind::LogicalNot, *operand, expr.range);
  default:
    if (atRunTime || operand->is<bool>())
      return unary(UnaryKind::LogicalNot, *operand, expr.range);
    return fail(expr.range, "'~' takes a boolean tensor, got " + operand->describe());
  }
}

static std::optional<BinaryKind> toBinaryKind(TokenKind op) {
  switch (op) {
  case TokenKind::Plus:
    return BinaryKind::Add;
  case TokenKind::Minus:
    return BinaryKind::Sub;
  case TokenKind::Star:
    return BinaryKind::Mul;
  case TokenKind::Slash:
    return BinaryKind::Div;
  case TokenKind::SlashSlash:
    return BinaryKind::FloorDiv;
  case TokenKind::Percent:
    return BinaryKind::Mod;
  case TokenKind::StarStar:
    return BinaryKind::Pow;
  case TokenKind::Ampersand:
    return BinaryKind::And;
  case TokenKind::Pipe:
    return BinaryKind::Or;
  default:
    return std::nullopt;
  }
}

MaybeValue Importer::evaluateBinary(const BinaryExpr &expr, Scope *scope) {
  MaybeValue left = evaluate(expr.left, scope);
  MaybeValue right = evaluate(expr.right, scope);
  if (!left || !right)
    return std::nullopt;
  if (auto kind = toBinaryKind(expr.op))
    return binary(*kind, *left, *right, expr.range);
  if (expr.op == TokenKind::Caret)
    return compare(CompareOp::NotEqual, *left, *right, expr.range);
  auto *a = left->get<SymbolicTensor>(), *b = right->get<SymbolicTensor>();
  if (!a || !b)
    return fail(expr.range, "'@' multiplies two tensors, got " + left->describe() + " and " +
                                right->describe());
  auto product = build(expr.range, [&](GraphBuilder &g) { return g.matmul(*a, *b); });
  return product ? MaybeValue(*product) : std::nullopt;
}

// `a < b < c` is `a < b and b < c`.
MaybeValue Importer::evaluateCompare(const CompareExpr &expr, Scope *scope) {
  std::vector<Value> operands;
  for (const Expr *operand : expr.operands) {
    MaybeValue value = evaluate(operand, scope);
    if (!value)
      return std::nullopt;
    operands.push_back(*value);
  }
  MaybeValue result;
  for (size_t i = 0; i < expr.ops.size(); ++i) {
    MaybeValue step = compare(expr.ops[i], operands[i], operands[i + 1], expr.range);
    if (!step)
      return std::nullopt;
    result = result ? logical(/*isAnd=*/true, *result, *step, expr.range) : step;
    if (!result)
      return std::nullopt;
  }
  return result;
}

MaybeValue Importer::evaluateLogical(const LogicalExpr &expr, Scope *scope) {
  bool isAnd = expr.op == TokenKind::KwAnd;
  MaybeValue left = evaluate(expr.left, scope);
  if (!left)
    return std::nullopt;
  if (!left->is<ScalarValue>() && !left->is<SymbolicTensor>()) {
    auto known = truth(*left, expr.left->range);
    if (!known)
      return std::nullopt;
    return *known == isAnd ? evaluate(expr.right, scope) : left;
  }
  MaybeValue right = evaluate(expr.right, scope);
  if (!right)
    return std::nullopt;
  if (!region && (left->is<SymbolicTensor>() || right->is<SymbolicTensor>()))
    return fail(expr.range, llvm::Twine(describe(expr.op)) + " takes single truth values; write '" +
                                (isAnd ? "&" : "|") + "' for tensors");
  return logical(isAnd, *left, *right, expr.range);
}

MaybeValue Importer::logical(bool isAnd, const Value &left, const Value &right, SourceRange range) {
  // A constant decides, or leaves the other operand.
  for (bool swapped : {false, true})
    if (auto *known = (swapped ? right : left).get<bool>())
      return *known == isAnd ? (swapped ? left : right) : Value(!isAnd);
  return binary(isAnd ? BinaryKind::And : BinaryKind::Or, left, right, range);
}

MaybeValue Importer::evaluateConditional(const ConditionalExpr &expr, Scope *scope) {
  MaybeValue condition = evaluate(expr.condition, scope);
  if (!condition)
    return std::nullopt;
  if (!condition->is<ScalarValue>()) {
    auto known = truth(*condition, expr.condition->range);
    if (!known)
      return std::nullopt;
    return evaluate(*known ? expr.then : expr.otherwise, scope);
  }
  MaybeValue then = evaluate(expr.then, scope);
  MaybeValue otherwise = evaluate(expr.otherwise, scope);
  if (!then || !otherwise)
    return std::nullopt;
  return select(*condition, *then, *otherwise, expr.range);
}

} // namespace fovea
