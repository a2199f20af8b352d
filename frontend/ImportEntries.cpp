// Entries: the functions of a description that become public functions of the module.
#include "frontend/ImporterImpl.h"

namespace fovea {

using namespace ast;

//===-- Which functions are entries ---------------------------------------------------------===//

// A parameter that nothing outside can give a value.
const Parameter *Importer::findUntyped(const Function &function) {
  for (const Parameter &parameter : function.parameters) {
    bool tensor = parameter.type && isTensorType(*parameter.type);
    if (!tensor && !parameter.defaultValue)
      return &parameter;
  }
  return nullptr;
}

std::vector<const Function *> Importer::findEntries() {
  std::vector<const Function *> entries;
  if (!options.entry.empty()) {
    auto found = functions.find(options.entry);
    std::vector<llvm::StringRef> names;
    for (const Function *function : existing)
      names.push_back(function->name.name);
    if (found == functions.end())
      fail(SourceRange::nowhere(),
           "there is no function '" + options.entry + "'" + didYouMean(options.entry, names));
    else if (const Parameter *parameter = findUntyped(*found->second))
      fail(parameter->name.range, "'" + options.entry + "' cannot be an entry: parameter '" +
                                      parameter->name.name + "' is no tensor and has no default");
    else
      entries.push_back(found->second);
    return entries;
  }
  for (const Function *function : existing)
    if (!called.count(function) && !function->name.name.starts_with("_") && !findUntyped(*function))
      entries.push_back(function);
  if (!entries.empty())
    return entries;
  Diagnostic &error = diagnostics.error(
      SourceRange::nowhere(),
      "there is no entry: a function that no other calls, whose name does not begin with "
      "'_' and whose parameters are tensors or weights or have defaults");
  for (const Function *function : existing)
    if (const Parameter *parameter = findUntyped(*function); parameter && !called.count(function))
      error.note(parameter->name.range,
                 "'" + function->name.name + "' is none because of '" + parameter->name.name + "'");
  return entries;
}

//===-- Arguments ---------------------------------------------------------------------------===//

// A dim that is a bare name without a value is a symbol, or the number given from outside.
bool Importer::bindEntryDims(const Function &function, Scope &scope) {
  for (const Parameter &parameter : function.parameters) {
    if (!parameter.type || parameter.defaultValue)
      continue;
    for (const Expr *dim : parameter.type->dims) {
      auto *name = llvm::dyn_cast<NameExpr>(dim);
      if (!name || lookup(name->name, &scope))
        continue;
      auto given = options.params.find(name->name.str());
      if (given == options.params.end()) {
        scope.names[name->name] = Value(SymbolicDim::symbol(name->name));
        continue;
      }
      auto *number = std::get_if<int64_t>(&given->second);
      if (!number || *number < 1) {
        fail(name->range, "the dim '" + name->name + "' needs a positive integer, got " +
                              std::visit([](const auto &value) { return Value(value).describe(); },
                                         given->second));
        return false;
      }
      scope.names[name->name] = Value(*number);
    }
  }
  return true;
}

bool Importer::bindEntryInputs(const Function &function, Scope *scope) {
  std::vector<InputSpec> inputs;
  std::vector<llvm::StringRef> names;
  for (const Parameter &parameter : function.parameters) {
    if (parameter.defaultValue || parameter.type->isWeight)
      continue;
    mlir::Type element = resolveElementType(parameter.type->element);
    auto shape = element ? evaluateDims(*parameter.type, scope) : std::nullopt;
    if (!shape)
      return false;
    for (auto [dim, expr] : llvm::zip_equal(*shape, parameter.type->dims))
      if (!dim.isConstant() && !dim.symbolName()) {
        fail(expr->range, "a dim of an entry's argument is a number or a name, got " + dim.str());
        return false;
      }
    inputs.push_back({parameter.name.name.str(), element, *shape});
    names.push_back(parameter.name.name);
  }
  auto arguments = build(function.name.range, [&](GraphBuilder &g) {
    return g.beginFunction(function.name.name, inputs);
  });
  if (!arguments)
    return false;
  for (auto [name, argument] : llvm::zip_equal(names, *arguments))
    scope->names[name] = Value(argument);
  return true;
}

bool Importer::bindEntryWeight(const Parameter &parameter, Scope *scope) {
  std::optional<Value> value;
  if (parameter.defaultValue) {
    value = evaluate(parameter.defaultValue, scope);
    if (value)
      value = checkKind(parameter, {"", *value, parameter.defaultValue->range});
  } else {
    auto weight = namedWeight(parameter, scope);
    auto shape = weight ? evaluateDims(*parameter.type, scope) : std::nullopt;
    value = shape ? loadWeight(*weight, *shape, parameter.type->range) : std::nullopt;
  }
  if (value)
    scope->names[parameter.name.name] = std::move(*value);
  return value.has_value();
}

//===-- Entries -----------------------------------------------------------------------------===//

void Importer::importEntry(const Function &function) {
  frames.push_back({&function, {}});
  Body body;
  body.scope = newScope(globals);
  bool begun = bindEntryDims(function, *body.scope) && bindEntryInputs(function, body.scope);
  bool done = begun;
  for (const Parameter &parameter : function.parameters)
    if (done && (parameter.defaultValue || parameter.type->isWeight))
      done = bindEntryWeight(parameter, body.scope);
  if (done && execute(function.body, body) == Flow::Next && !body.failed)
    done = false, fail(function.name.range, "'" + function.name.name + "' ends without a 'return'");
  done = done && !body.failed && checkResults(function, body);
  auto results = done ? nameResults(body) : std::nullopt;
  if (results) {
    graph.setLocation(locate(body.returnRange));
    if (llvm::Error error = graph.endFunction(*results))
      report(body.returnRange, std::move(error));
  } else if (begun) {
    graph.abandonFunction();
  }
  frames.pop_back();
}

// Compiling takes more than linear time in the results.
static constexpr size_t maxResults = 1024;

// A result is called by its keyword or variable; otherwise, or if the name is taken, `out<n>`.
std::optional<std::vector<NamedTensor>> Importer::nameResults(const Body &body) {
  if (body.results.size() > maxResults)
    return fail(body.returnRange, "an entry returns at most " + llvm::Twine(maxResults) +
                                      " tensors, got " + llvm::Twine(body.results.size()));
  std::vector<NamedTensor> results;
  std::set<std::string> taken;
  for (auto [position, result] : llvm::enumerate(body.results)) {
    auto *tensor = result.value.template get<SymbolicTensor>();
    if (!tensor)
      return fail(result.range, "an entry returns tensors, got " + result.value.describe());
    std::string name = result.name;
    if (name.empty() || taken.count(name))
      name = "out" + std::to_string(position);
    if (!taken.insert(name).second)
      return fail(result.range, "two results are called '" + name + "'");
    results.push_back({name, *tensor});
  }
  if (results.empty())
    return fail(body.returnRange, "an entry returns at least one tensor");
  return results;
}

} // namespace fovea
