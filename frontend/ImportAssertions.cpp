// What is known of sizes when a description is imported, and assertions: those of sizes that
// nothing decides become conditions of the entry, which each run checks first.
#include "frontend/ImporterImpl.h"

namespace fovea {

using namespace ast;
using MaybeValue = Importer::MaybeValue;

/// a - b; nothing if that does not fit 64 bits.
static std::optional<SymbolicDim> difference(const SymbolicDim &a, const SymbolicDim &b) {
  llvm::Expected<SymbolicDim> result = a.minus(b);
  if (result)
    return std::move(*result);
  llvm::consumeError(result.takeError());
  return std::nullopt;
}

// Inputs may have no elements, dims are at least 1: what needs the latter is checked in each run.
bool Importer::isCertain(const std::optional<SymbolicDim> &size, int64_t least, SourceRange range) {
  if (!size || !size->isAtLeast(least, /*symbols=*/1))
    return false;
  if (size->isAtLeast(least, /*symbols=*/0))
    return true;
  graph.setLocation(locate(range));
  size->walkSymbols([&](llvm::StringRef name) {
    auto atLeastOne = difference(SymbolicDim::symbol(name), 1);
    llvm::cantFail(graph.require(*atLeastOne, "1 <= " + name.str()));
  });
  return true;
}

std::optional<bool> Importer::compareSizes(CompareOp op, const SymbolicDim &a, const SymbolicDim &b,
                                           SourceRange range) {
  auto above = difference(a, b), below = difference(b, a);
  auto isAbove = [&](int64_t by) { return isCertain(above, by, range); };
  auto isBelow = [&](int64_t by) { return isCertain(below, by, range); };
  auto decide = [&](bool holds, bool fails) {
    return holds || fails ? std::optional(holds) : std::nullopt;
  };
  switch (op) {
  case CompareOp::Less:
    return decide(isBelow(1), isAbove(0));
  case CompareOp::LessEqual:
    return decide(isBelow(0), isAbove(1));
  case CompareOp::Greater:
    return decide(isAbove(1), isBelow(0));
  case CompareOp::GreaterEqual:
    return decide(isAbove(0), isBelow(1));
  case CompareOp::Equal:
    return decide(a == b, isAbove(1) || isBelow(1));
  case CompareOp::NotEqual:
    return decide(isAbove(1) || isBelow(1), a == b);
  default:
    return std::nullopt;
  }
}

/// What is at least 0 where the comparison holds.
static std::vector<std::optional<SymbolicDim>> slacksOf(CompareOp op, const SymbolicDim &a,
                                                        const SymbolicDim &b) {
  auto above = difference(a, b), below = difference(b, a);
  auto less1 = [](const std::optional<SymbolicDim> &x) {
    return x ? difference(*x, 1) : std::nullopt;
  };
  switch (op) {
  case CompareOp::Less:
    return {less1(below)};
  case CompareOp::LessEqual:
    return {below};
  case CompareOp::Greater:
    return {less1(above)};
  case CompareOp::GreaterEqual:
    return {above};
  case CompareOp::Equal:
    return {above, below};
  default:
    return {std::nullopt};
  }
}

MaybeValue Importer::assertComparison(CompareOp op, const Value &left, const Value &right,
                                      const std::string &text, SourceRange range) {
  bool areSizes =
      (left.is<SymbolicDim>() && right.dim()) || (left.dim() && right.is<SymbolicDim>());
  if (!areSizes || compareSizes(op, *left.dim(), *right.dim(), range))
    return compare(op, left, right, range);
  for (const std::optional<SymbolicDim> &slack : slacksOf(op, *left.dim(), *right.dim())) {
    if (!slack)
      return compare(op, left, right, range);
    graph.setLocation(locate(range));
    if (llvm::Error error = graph.require(*slack, text))
      return report(range, std::move(error)), std::nullopt;
  }
  return Value(true);
}

// Of comparisons and what `and` joins: anything else is known at import.
std::optional<bool> Importer::assertTrue(const Expr *expr, const std::string &message,
                                         Scope *scope) {
  if (auto *both = llvm::dyn_cast<LogicalExpr>(expr); both && both->op == TokenKind::KwAnd) {
    auto holds = assertTrue(both->left, message, scope);
    return holds && *holds ? assertTrue(both->right, message, scope) : holds;
  }
  auto *comparison = llvm::dyn_cast<CompareExpr>(expr);
  if (!comparison) {
    MaybeValue condition = evaluate(expr, scope);
    return condition ? truth(*condition, expr->range) : std::nullopt;
  }
  std::vector<Value> operands;
  for (const Expr *operand : comparison->operands) {
    MaybeValue value = evaluate(operand, scope);
    if (!value)
      return std::nullopt;
    operands.push_back(std::move(*value));
  }
  std::string text = diagnostics.getSource().getText(expr->range).str() + message;
  for (auto [position, op] : llvm::enumerate(comparison->ops)) {
    MaybeValue step =
        assertComparison(op, operands[position], operands[position + 1], text, expr->range);
    auto holds = step ? truth(*step, expr->range) : std::nullopt;
    if (!holds || !*holds)
      return holds;
  }
  return true;
}

// What comes after relies on what is asserted, so a failure ends the function.
Importer::Flow Importer::executeAssert(const AssertStmt &stmt, Body &body) {
  auto *literal = llvm::dyn_cast_or_null<StringExpr>(stmt.message);
  std::string reason = literal ? (" (" + literal->value + ")").str() : "";
  auto holds = assertTrue(stmt.condition, reason, body.scope);
  if (holds && *holds)
    return Flow::Next;
  body.failed = true;
  if (!holds)
    return Flow::Returned;
  std::string text = "assertion failed";
  if (stmt.message) {
    MaybeValue message = evaluate(stmt.message, body.scope);
    if (auto *given = message ? message->get<TextValue>() : nullptr)
      text += ": " + given->text;
  }
  fail(stmt.condition->range, text);
  return Flow::Returned;
}

} // namespace fovea
