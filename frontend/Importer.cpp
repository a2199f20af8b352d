// The importer's frame: overrides, constants, the set of functions, errors.
#include "frontend/Importer.h"
#include "frontend/Builtins.h"
#include "frontend/FileIO.h"
#include "frontend/ImporterImpl.h"
#include "frontend/Imports.h"
#include "frontend/Parser.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Path.h"

namespace fovea {

using namespace ast;

char ReportedError::ID = 0;

ParamValue parseParamValue(llvm::StringRef text) {
  int64_t integer = 0;
  double number = 0;
  if (text == "True" || text == "False")
    return text == "True";
  if (!text.getAsInteger(10, integer))
    return integer;
  if (!text.getAsDouble(number))
    return number;
  return text.str();
}

llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> importFov(mlir::MLIRContext &context,
                                                            llvm::StringRef name,
                                                            llvm::StringRef text,
                                                            const ImportOptions &options) {
  llvm::Expected<std::shared_ptr<const SourceFile>> source = readWithImports(name, text);
  if (!source)
    return source.takeError();
  DiagnosticList diagnostics(std::move(*source));
  std::unique_ptr<Module> module = parseModule(diagnostics);
  if (!diagnostics.empty())
    return llvm::make_error<DiagnosticError>(std::move(diagnostics));
  auto location = mlir::FileLineColLoc::get(&context, name, 1, 1);
  mlir::OwningOpRef<mlir::ModuleOp> target = mlir::ModuleOp::create(location);
  Importer importer(*module, diagnostics, options, *target);
  if (!importer.run())
    return llvm::make_error<DiagnosticError>(std::move(diagnostics));
  return std::move(target);
}

llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importFovFile(mlir::MLIRContext &context, llvm::StringRef path, const ImportOptions &options) {
  auto buffer = readFile(path);
  if (!buffer)
    return buffer.takeError();
  ImportOptions resolved = options;
  if (resolved.modelDirectory.empty())
    resolved.modelDirectory = llvm::sys::path::parent_path(path).str();
  return importFov(context, path, (*buffer)->getBuffer(), resolved);
}

Importer::Importer(const Module &module, DiagnosticList &diagnostics, const ImportOptions &options,
                   mlir::ModuleOp target)
    : module(module), diagnostics(diagnostics), options(options), target(target), graph(target),
      location(target.getLoc()), regionFloat(graph.opBuilder().getF32Type()) {}

//===-- Errors and places -------------------------------------------------------------------===//

mlir::Location Importer::locate(SourceRange range) const {
  const SourceFile &source = diagnostics.getSource();
  LineColumn at = source.getLineColumn(range.begin);
  mlir::MLIRContext *context = location.getContext();
  return mlir::FileLineColLoc::get(context, source.getName(range.begin), at.line, at.column);
}

// A function called from several places would report each of its errors as often.
std::nullopt_t Importer::fail(SourceRange range, const llvm::Twine &message) {
  std::string text = message.str();
  if (!reported.insert(std::to_string(range.begin) + ":" + text).second)
    return std::nullopt;
  Diagnostic &diagnostic = diagnostics.error(range, text);
  static constexpr size_t maxNotes = 4;
  for (size_t i = 0; i < std::min(maxNotes, frames.size()); ++i) {
    const Frame &frame = frames[frames.size() - 1 - i];
    if (frame.callSite.end)
      diagnostic.note(frame.callSite, "in this call of '" + frame.function->name.name + "'");
  }
  return std::nullopt;
}

/// The message of an operation, "max: expected ...", as one of the builtin that is made of it.
static std::string nameOperation(const std::string &message, llvm::StringRef operation) {
  auto [inner, rest] = llvm::StringRef(message).split(": ");
  bool isName = !inner.empty() && !rest.empty() &&
                llvm::all_of(inner, [](char c) { return llvm::isAlnum(c) || c == '_'; });
  return isName && !operation.empty() ? (operation + ": " + rest).str() : message;
}

void Importer::report(SourceRange range, llvm::Error error) {
  llvm::handleAllErrors(
      std::move(error), [](const ReportedError &) {},
      [&](const llvm::ErrorInfoBase &info) {
        fail(range, nameOperation(info.message(), operation));
      });
}

//===-- The module --------------------------------------------------------------------------===//

bool Importer::run() {
  if (!declareFunctions())
    return false;
  evaluateConstants();
  if (!selectFunctions() || !checkRecursion())
    return false;
  std::vector<const Function *> entries = findEntries();
  if (!checkOverrides())
    return false;
  for (const Function *function : entries)
    importEntry(*function);
  return diagnostics.empty();
}

bool Importer::declare(const Identifier &name) {
  auto [first, inserted] = definitions.try_emplace(name.name, name.range);
  if (!inserted)
    diagnostics.error(name.range, "'" + name.name + "' is defined twice")
        .note(first->second, "the first definition is here");
  return inserted;
}

// Those that exist in any case, so that constants may use them.
bool Importer::declareFunctions() {
  bool unique = true;
  for (const Constant &constant : module.constants)
    unique &= declare(constant.name);
  for (const Function *function : module.functions) {
    if (function->guards.empty()) {
      unique &= declare(function->name);
      functions[function->name.name] = function;
    }
    llvm::StringMap<SourceRange> parameters;
    for (const Parameter &parameter : function->parameters)
      if (!parameters.try_emplace(parameter.name.name, parameter.name.range).second) {
        unique = false;
        fail(parameter.name.range, "parameter '" + parameter.name.name + "' is there twice");
      }
  }
  return unique;
}

// Which functions exist is known once the constants are.
bool Importer::selectFunctions() {
  for (const Function *function : module.functions) {
    bool exists = true;
    for (const Guard &guard : function->guards) {
      MaybeValue condition = evaluate(guard.condition, globals);
      auto holds = condition ? truth(*condition, guard.condition->range) : std::nullopt;
      if (!holds)
        return false;
      exists &= *holds == guard.expected;
      if (!exists)
        break;
    }
    if (!exists)
      continue;
    existing.push_back(function);
    if (function->guards.empty())
      continue;
    if (!declare(function->name))
      return false;
    functions[function->name.name] = function;
  }
  return true;
}

void Importer::evaluateConstants() {
  for (const Constant &constant : module.constants) {
    MaybeValue value = evaluate(constant.value, globals);
    if (value && (value->is<SymbolicTensor>() || value->is<WeightValue>()))
      value =
          fail(constant.value->range,
               "a constant of a file is known at compile time, and this is " + value->describe());
    if (constant.isParam)
      value = overrideParam(constant, value);
    if (constant.isExported && value)
      exportConstant(constant, *value);
    globals->names[constant.name.name] = value ? std::move(*value) : Value(PoisonValue());
  }
}

/// Numbers, booleans, strings, and sequences of those; null for other values.
static mlir::Attribute toAttribute(mlir::Builder &builder, const Value &value) {
  if (auto *flag = value.get<bool>())
    return builder.getBoolAttr(*flag);
  if (auto integer = value.integer())
    return builder.getI64IntegerAttr(*integer);
  if (auto number = value.number())
    return builder.getF64FloatAttr(*number);
  if (auto *text = value.get<TextValue>(); text && text->isKnown())
    return builder.getStringAttr(text->text);
  auto *sequence = value.sequence();
  if (!sequence)
    return {};
  llvm::SmallVector<mlir::Attribute> elements;
  for (const Value &element : *sequence)
    if (!elements.emplace_back(toAttribute(builder, element)))
      return {};
  return builder.getArrayAttr(elements);
}

void Importer::exportConstant(const Constant &constant, const Value &value) {
  mlir::Attribute attribute = toAttribute(graph.opBuilder(), value);
  if (!attribute) {
    fail(constant.value->range, "an exported constant is a number, a boolean, a string or a "
                                "sequence of those, and this is " +
                                    value.describe());
    return;
  }
  mlir::NamedAttrList exported(target->getAttrOfType<mlir::DictionaryAttr>(exportsAttribute));
  exported.set(constant.name.name, attribute);
  target->setAttr(exportsAttribute, exported.getDictionary(getContext()));
}

// The value from outside must be of the kind of the default that it replaces.
Importer::MaybeValue Importer::overrideParam(const Constant &constant, const MaybeValue &value) {
  auto given = options.params.find(constant.name.name.str());
  if (given == options.params.end() || !value)
    return value;
  MaybeValue replaced =
      std::visit([](const auto &v) -> MaybeValue { return Value(v); }, given->second);
  auto *text = replaced->get<TextValue>();
  bool fits = value->isNone() || (value->is<TextValue>() && text) ||
              (value->is<bool>() && replaced->is<bool>()) ||
              (value->is<int64_t>() && replaced->is<int64_t>()) ||
              (value->is<double>() && replaced->number() && !replaced->is<bool>());
  if (value->is<bool>() && replaced->integer() && (*replaced->integer() & ~int64_t(1)) == 0)
    return Value(*replaced->integer() == 1);
  if (value->is<double>() && fits)
    return Value(*replaced->number());
  if (auto *type = value->get<mlir::Type>(); type && text)
    if (mlir::Type given = parseElementType(getContext(), text->text))
      return Value(given);
  if (fits)
    return replaced;
  return fail(constant.name.range, "param '" + constant.name.name + "' has the default " +
                                       value->describe() + "; it cannot become " +
                                       replaced->describe());
}

//===-- Recursion ---------------------------------------------------------------------------===//

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
