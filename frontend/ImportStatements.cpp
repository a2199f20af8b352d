// Statements. After an error in one the next is tried; the names it should have set are poisoned
// so that they cause no errors of their own.
#include "frontend/ImporterImpl.h"

namespace fovea {

using namespace ast;
using MaybeValue = Importer::MaybeValue;

Importer::Flow Importer::execute(Block block, Body &body) {
  for (const Stmt *stmt : block)
    if (aborted || execute(stmt, body) == Flow::Returned)
      return Flow::Returned;
  return Flow::Next;
}

Importer::Flow Importer::execute(const Stmt *stmt, Body &body) {
  switch (stmt->kind) {
  case Stmt::Kind::Assign:
    executeAssign(*llvm::cast<AssignStmt>(stmt), body);
    return Flow::Next;
  case Stmt::Kind::Return:
    executeReturn(*llvm::cast<ReturnStmt>(stmt), body);
    return Flow::Returned;
  case Stmt::Kind::For:
    return executeFor(*llvm::cast<ForStmt>(stmt), body);
  case Stmt::Kind::If:
    return executeIf(*llvm::cast<IfStmt>(stmt), body);
  case Stmt::Kind::Assert:
    return executeAssert(*llvm::cast<AssertStmt>(stmt), body);
  case Stmt::Kind::Expression:
    if (!llvm::isa<StringExpr>(llvm::cast<ExpressionStmt>(stmt)->value)) {
      fail(stmt->range, "the value of this expression is not used");
      body.failed = true;
    }
    return Flow::Next;
  case Stmt::Kind::Pass:
    return Flow::Next;
  }
  return Flow::Next;
}

//===-- Assignments -------------------------------------------------------------------------===//

void Importer::executeAssign(const AssignStmt &assign, Body &body) {
  MaybeValue value = evaluate(assign.value, body.scope);
  if (value && !assign.unpacks) {
    body.scope->names[assign.targets[0].name] = std::move(*value);
    return;
  }
  if (value && unpack(assign.targets, *value, assign.value->range, *body.scope))
    return;
  body.failed = true;
  for (const Identifier &target : assign.targets)
    body.scope->names[target.name] = Value(PoisonValue());
}

// One variable takes an element whole; several take it apart.
bool Importer::bindTargets(llvm::ArrayRef<Identifier> targets, const Value &value,
                           SourceRange range, Scope &scope) {
  if (targets.size() > 1)
    return unpack(targets, value, range, scope);
  scope.names[targets[0].name] = value;
  return true;
}

bool Importer::unpack(llvm::ArrayRef<Identifier> targets, const Value &value, SourceRange range,
                      Scope &scope) {
  auto *elements = value.elements();
  if (!elements || elements->size() != targets.size()) {
    fail(range, "expected " + llvm::Twine(targets.size()) + " values, got " + value.describe());
    return false;
  }
  for (auto [target, element] : llvm::zip_equal(targets, *elements))
    scope.names[target.name] = element;
  return true;
}

void Importer::executeReturn(const ReturnStmt &stmt, Body &body) {
  body.returnRange = stmt.range;
  if (body.inLoop) {
    fail(stmt.range, "'return' cannot leave a loop or a choice that runs at run time");
    body.failed = true;
    return;
  }
  body.returnsSequence = stmt.values.size() > 1;
  for (const Argument &argument : stmt.values) {
    MaybeValue value = evaluate(argument.value, body.scope);
    if (!value) {
      body.failed = true;
      continue;
    }
    auto *name = llvm::dyn_cast<NameExpr>(argument.value);
    llvm::StringRef given = argument.name.name;
    if (given.empty() && name)
      given = name->name;
    SourceRange range = argument.value->range;
    auto *elements = value->sequence();
    if (!elements || !argument.name.name.empty() || stmt.values.size() > 1) {
      body.results.push_back({given.str(), std::move(*value), range});
      continue;
    }
    // `return (a, b)` and `return f(x)` return what the sequence holds.
    body.returnsSequence = true;
    auto *tuple = llvm::dyn_cast<TupleExpr>(argument.value);
    for (auto [position, element] : llvm::enumerate(*elements)) {
      auto *part = tuple ? llvm::dyn_cast<NameExpr>(tuple->elements[position]) : nullptr;
      body.results.push_back({part ? part->name.str() : "", element, range});
    }
  }
}

//===-- Choices -----------------------------------------------------------------------------===//

Importer::Flow Importer::executeIf(const IfStmt &choice, Body &body) {
  MaybeValue condition = evaluate(choice.condition, body.scope);
  auto *tensor = condition ? condition->get<SymbolicTensor>() : nullptr;
  // Within a mask or score function there are no statements of the graph.
  if (condition && !region && (condition->is<ScalarValue>() || (tensor && tensor->rank() == 0))) {
    runTimeIf(choice, *condition, body);
    return Flow::Next;
  }
  auto known = condition ? truth(*condition, choice.condition->range) : std::nullopt;
  if (!known) {
    body.failed = true;
    return Flow::Next;
  }
  return execute(*known ? choice.then : choice.otherwise, body);
}

} // namespace fovea
