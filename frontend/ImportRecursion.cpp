// Which functions use which others: those that another calls are no entries, and none may call
// itself.
#include "frontend/ImporterImpl.h"

namespace fovea {

using namespace ast;

namespace {

// Finds the functions whose names an expression mentions.
class ReferenceFinder {
public:
  explicit ReferenceFinder(const Function &function) {
    for (const Parameter &parameter : function.parameters) {
      hidden.insert(parameter.name.name);
      visit(parameter.defaultValue);
    }
    visit(function.body);
  }

  /// Each mentioned name that is no variable of the function, with its first place.
  std::vector<Identifier> found;

private:
  void hide(llvm::ArrayRef<Identifier> names) {
    for (const Identifier &name : names)
      hidden.insert(name.name);
  }
  /// Names that an expression alone binds.
  void visitWith(llvm::ArrayRef<Identifier> names, llvm::ArrayRef<Expr *> exprs) {
    std::set<llvm::StringRef> outer = hidden;
    hide(names);
    visit(exprs);
    hidden = std::move(outer);
  }
  void visit(Block block);
  void visit(const Expr *expr);
  void visit(llvm::ArrayRef<Expr *> exprs) {
    for (const Expr *expr : exprs)
      visit(expr);
  }
  void visit(llvm::ArrayRef<Argument> arguments) {
    for (const Argument &argument : arguments)
      visit(argument.value);
  }

  std::set<llvm::StringRef> hidden;
};

} // namespace

void ReferenceFinder::visit(Block block) {
  for (const Stmt *stmt : block) {
    if (auto *assign = llvm::dyn_cast<AssignStmt>(stmt)) {
      visit(assign->value);
      hide(assign->targets);
    } else if (auto *result = llvm::dyn_cast<ReturnStmt>(stmt)) {
      visit(result->values);
    } else if (auto *loop = llvm::dyn_cast<ForStmt>(stmt)) {
      visit(loop->sequence);
      hide(loop->targets);
      visit(loop->body);
    } else if (auto *choice = llvm::dyn_cast<IfStmt>(stmt)) {
      visit(choice->condition);
      visit(choice->then);
      visit(choice->otherwise);
    } else if (auto *check = llvm::dyn_cast<AssertStmt>(stmt)) {
      visit(check->condition);
    }
  }
}

void ReferenceFinder::visit(const Expr *expr) {
  if (!expr)
    return;
  if (auto *name = llvm::dyn_cast<NameExpr>(expr)) {
    if (!hidden.count(name->name))
      found.push_back({name->name, name->range});
  } else if (auto *text = llvm::dyn_cast<FStringExpr>(expr)) {
    visit(text->values);
  } else if (auto *unary = llvm::dyn_cast<UnaryExpr>(expr)) {
    visit(unary->operand);
  } else if (auto *binary = llvm::dyn_cast<BinaryExpr>(expr)) {
    visit({binary->left, binary->right});
  } else if (auto *compare = llvm::dyn_cast<CompareExpr>(expr)) {
    visit(compare->operands);
  } else if (auto *logical = llvm::dyn_cast<LogicalExpr>(expr)) {
    visit({logical->left, logical->right});
  } else if (auto *choice = llvm::dyn_cast<ConditionalExpr>(expr)) {
    visit({choice->condition, choice->then, choice->otherwise});
  } else if (auto *lambda = llvm::dyn_cast<LambdaExpr>(expr)) {
    visitWith(lambda->parameters, {lambda->body});
  } else if (auto *call = llvm::dyn_cast<CallExpr>(expr)) {
    visit(call->callee);
    visit(call->arguments);
  } else if (auto *attribute = llvm::dyn_cast<AttributeExpr>(expr)) {
    visit(attribute->object);
  } else if (auto *subscript = llvm::dyn_cast<SubscriptExpr>(expr)) {
    visit(subscript->object);
    visit(subscript->indices);
  } else if (auto *slice = llvm::dyn_cast<SliceExpr>(expr)) {
    visit({slice->begin, slice->end, slice->step});
  } else if (auto *tuple = llvm::dyn_cast<TupleExpr>(expr)) {
    visit(tuple->elements);
  } else if (auto *list = llvm::dyn_cast<ListExpr>(expr)) {
    visit(list->elements);
  } else if (auto *comprehension = llvm::dyn_cast<ComprehensionExpr>(expr)) {
    visit(comprehension->sequence);
    visitWith(comprehension->targets, {comprehension->element, comprehension->condition});
  }
}

// Calls are expanded, so a cycle among them has no end. Depth-first search over the names that
// functions mention; an explicit stack, for chains may be as long as the file.
bool Importer::checkRecursion() {
  enum class State { New, Open, Done };
  struct Visit {
    const Function *function;
    std::vector<Identifier> references;
    size_t next = 0;
  };
  llvm::DenseMap<const Function *, State> states;
  for (const Function *root : existing) {
    std::vector<Visit> stack;
    auto open = [&](const Function *function) {
      states[function] = State::Open;
      stack.push_back({function, ReferenceFinder(*function).found});
    };
    if (states[root] == State::New)
      open(root);
    while (!stack.empty()) {
      Visit &top = stack.back();
      if (top.next == top.references.size()) {
        states[top.function] = State::Done;
        stack.pop_back();
        continue;
      }
      const Identifier &reference = top.references[top.next++];
      auto callee = functions.find(reference.name);
      if (callee == functions.end())
        continue;
      if (top.function != callee->second)
        called.insert(callee->second);
      State state = states[callee->second];
      if (state == State::New)
        open(callee->second);
      if (state != State::Open)
        continue;
      std::string cycle;
      for (const Visit &visit : stack)
        if (!cycle.empty() || visit.function == callee->second)
          cycle += (visit.function->name.name + " -> ").str();
      fail(reference.range, "'" + reference.name + "' calls itself: " + cycle + reference.name);
      return false;
    }
  }
  return true;
}

} // namespace fovea
