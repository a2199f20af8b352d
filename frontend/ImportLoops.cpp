// Loops: over a range one loop of the graph, over a sequence unrolled. Choices at run time, whose
// parts are loops of one step or none.
#include "frontend/ImporterImpl.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/ScopeExit.h"

namespace fovea {

using namespace ast;
using MaybeValue = Importer::MaybeValue;

Importer::Flow Importer::executeFor(const ForStmt &loop, Body &body) {
  MaybeValue sequence = evaluate(loop.sequence, body.scope);
  if (!sequence) {
    body.failed = true;
    return Flow::Next;
  }
  if (auto *range = sequence->get<RangeValue>()) {
    runTimeFor(loop, *range, body);
    return Flow::Next;
  }
  auto elements = elementsOf(*sequence, loop.sequence->range);
  if (!elements) {
    body.failed = true;
    return Flow::Next;
  }
  return unrollFor(loop, *elements, body);
}

Importer::Flow Importer::unrollFor(const ForStmt &loop, llvm::ArrayRef<Value> elements,
                                   Body &body) {
  for (const Value &element : elements) {
    bool bound = charge(1, loop.range) &&
                 bindTargets(loop.targets, element, loop.sequence->range, *body.scope);
    if (!bound) {
      body.failed = true;
      return Flow::Next;
    }
    if (execute(loop.body, body) == Flow::Returned)
      return Flow::Returned;
  }
  return Flow::Next;
}

//===-- Loops at run time -------------------------------------------------------------------===//

static void collectAssigned(Block block, llvm::SmallVectorImpl<Identifier> &names) {
  for (const Stmt *stmt : block) {
    if (auto *assign = llvm::dyn_cast<AssignStmt>(stmt)) {
      names.append(assign->targets.begin(), assign->targets.end());
    } else if (auto *loop = llvm::dyn_cast<ForStmt>(stmt)) {
      collectAssigned(loop->body, names);
    } else if (auto *choice = llvm::dyn_cast<IfStmt>(stmt)) {
      collectAssigned(choice->then, names);
      collectAssigned(choice->otherwise, names);
    }
  }
}

// The variables that go from one step to the next: assigned in the body and known before it.
std::optional<std::vector<LocatedValue>> Importer::findCarried(Block block, SourceRange range,
                                                               llvm::StringRef what, Scope *scope) {
  llvm::SmallVector<Identifier> assigned;
  collectAssigned(block, assigned);
  std::vector<LocatedValue> carried;
  llvm::DenseSet<llvm::StringRef> seen;
  for (const Identifier &name : assigned) {
    bool known = !seen.insert(name.name).second;
    const Value *before = nullptr;
    for (Scope *s = scope; s && s != globals && !before; s = s->parent)
      if (auto found = s->names.find(name.name); found != s->names.end())
        before = &found->second;
    if (known || !before)
      continue;
    if (before->is<PoisonValue>())
      return std::nullopt;
    if (!before->is<SymbolicTensor>())
      return fail(name.range, "'" + name.name + "' changes in a " + what +
                                  " that runs at run time, so it must be a tensor; it is " +
                                  before->describe());
    carried.push_back({name.name.str(), *before, name.range});
  }
  if (carried.empty())
    return fail(range,
                "this " + what + " changes no tensor that is known before it, so it does nothing");
  return carried;
}

// Runs the body in a scope of its own, in which the carried variables are `values`.
llvm::Expected<GraphBuilder::Tensors> Importer::runCarrying(Block block, llvm::StringRef what,
                                                            Scope *scope,
                                                            llvm::ArrayRef<LocatedValue> carried,
                                                            llvm::ArrayRef<SymbolicTensor> values) {
  Body inner;
  inner.scope = scope;
  inner.inLoop = true;
  for (auto [variable, value] : llvm::zip_equal(carried, values))
    scope->names[variable.name] = Value(value);
  execute(block, inner);
  if (inner.failed)
    return llvm::make_error<ReportedError>();
  GraphBuilder::Tensors next;
  for (const LocatedValue &variable : carried) {
    const Value &after = scope->names[variable.name];
    auto *before = variable.value.get<SymbolicTensor>(), *tensor = after.get<SymbolicTensor>();
    if (!tensor || tensor->elementType() != before->elementType() ||
        !llvm::equal(tensor->shape, before->shape)) {
      fail(variable.range, "'" + variable.name + "' is " + before->str() + " before the " + what +
                               " and " + after.describe() + " after a step; it must keep its type");
      return llvm::make_error<ReportedError>();
    }
    next.push_back(*tensor);
  }
  return next;
}

llvm::Expected<GraphBuilder::Tensors> Importer::runLoopBody(const ForStmt &loop,
                                                            const RangeValue &range, Body &outer,
                                                            llvm::ArrayRef<LocatedValue> carried,
                                                            mlir::Value index,
                                                            llvm::ArrayRef<SymbolicTensor> values) {
  if (range.begin.constant() != 0) {
    auto begin = graph.dimValue(range.begin);
    if (!begin)
      return begin.takeError();
    index = mlir::arith::AddIOp::create(graph.opBuilder(), locate(loop.range), index, *begin);
  } else if (auto argument = mlir::dyn_cast<mlir::BlockArgument>(index)) { // for reports
    argument.getOwner()->getParentOp()->setAttr(
        "attn.name", graph.opBuilder().getStringAttr(loop.targets[0].name));
  }
  Scope *scope = newScope(outer.scope);
  ScalarValue number{index, std::nullopt, beginTurns(index, range)};
  llvm::scope_exit forget([&] { reaching.erase(index); });
  if (range.begin.constant() && range.end.constant())
    number.range = IntegerRange{*range.begin.constant(), *range.end.constant() - 1};
  scope->names[loop.targets[0].name] = Value(number);
  return runCarrying(loop.body, "loop", scope, carried, values);
}

static GraphBuilder::Tensors tensorsOf(llvm::ArrayRef<LocatedValue> variables) {
  GraphBuilder::Tensors tensors;
  for (const LocatedValue &variable : variables)
    tensors.push_back(*variable.value.get<SymbolicTensor>());
  return tensors;
}

// After errors the variables are poisoned.
void Importer::setCarried(llvm::ArrayRef<LocatedValue> carried,
                          const std::optional<GraphBuilder::Tensors> &results, Body &body) {
  if (!results)
    body.failed = true;
  for (auto [position, variable] : llvm::enumerate(carried))
    body.scope->names[variable.name] = results ? Value((*results)[position]) : Value(PoisonValue());
}

void Importer::runTimeFor(const ForStmt &loop, const RangeValue &range, Body &body) {
  auto first = range.begin.constant(), end = range.end.constant();
  if (first && end && *end <= *first) // no step, so what it would need may not exist
    return;
  auto carried = findCarried(loop.body, loop.range, "loop", body.scope);
  if (loop.targets.size() != 1)
    fail(loop.range, "a loop over a range has one variable");
  if (!carried || loop.targets.size() != 1) {
    setCarried(carried.value_or(std::vector<LocatedValue>()), std::nullopt, body);
    return;
  }
  auto results = build(loop.range, [&](GraphBuilder &g) -> llvm::Expected<GraphBuilder::Tensors> {
    auto count = range.end.minus(range.begin);
    if (!count)
      return count.takeError();
    return g.forLoop(*count, tensorsOf(*carried),
                     [&](mlir::Value index, llvm::ArrayRef<SymbolicTensor> values) {
                       return runLoopBody(loop, range, body, *carried, index, values);
                     });
  });
  setCarried(*carried, results, body);
}

//===-- Choices at run time -----------------------------------------------------------------===//

void Importer::runTimeIf(const IfStmt &choice, const Value &condition, Body &body) {
  mlir::OpBuilder &builder = graph.opBuilder();
  auto *scalar = condition.get<ScalarValue>();
  mlir::Type type =
      scalar ? scalar->value.getType() : condition.get<SymbolicTensor>()->elementType();
  if (!type.isInteger(1)) {
    fail(choice.condition->range,
         "a condition at run time is a boolean, got " + condition.describe());
    body.failed = true;
    return;
  }
  auto holds = toScalar(condition, builder.getI1Type(), choice.condition->range);
  if (!holds) {
    body.failed = true;
    return;
  }
  mlir::Location loc = locate(choice.condition->range);
  mlir::Value yes = mlir::arith::ConstantIntOp::create(builder, loc, 1, 1);
  for (bool isThen : {true, false}) {
    ast::Block block = isThen ? choice.then : choice.otherwise;
    mlir::Value taken =
        isThen ? *holds : mlir::arith::XOrIOp::create(builder, loc, *holds, yes).getResult();
    if (block.empty())
      continue;
    if (scalar && scalar->turns)
      runTakenTurns(choice, isThen, taken, *scalar->turns, body);
    else
      runTimeBranch(choice, block, taken, body);
  }
}

// A part that no turn takes is forgotten, with all that it would need; one that all take needs no
// condition.
void Importer::runTakenTurns(const IfStmt &choice, bool holds, mlir::Value condition,
                             const TurnValues &turns, Body &body) {
  llvm::BitVector taken = turnsWhere(turns, holds);
  if (taken.none())
    return;
  if (taken == reaching.lookup(turns.loop))
    condition = mlir::arith::ConstantIntOp::create(graph.opBuilder(),
                                                   locate(choice.condition->range), 1, 1);
  llvm::BitVector outer = std::exchange(reaching[turns.loop], taken);
  runTimeBranch(choice, holds ? choice.then : choice.otherwise, condition, body);
  reaching[turns.loop] = outer;
}

void Importer::runTimeBranch(const IfStmt &choice, Block block, mlir::Value condition, Body &body) {
  auto carried = findCarried(block, choice.range, "choice", body.scope);
  if (!carried) {
    body.failed = true;
    return;
  }
  auto results = build(choice.range, [&](GraphBuilder &g) {
    return g.ifTrue(condition, tensorsOf(*carried), [&](llvm::ArrayRef<SymbolicTensor> values) {
      return runCarrying(block, "choice", newScope(body.scope), *carried, values);
    });
  });
  setCarried(*carried, results, body);
}

} // namespace fovea
