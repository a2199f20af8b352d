// Calls: functions of the description are expanded where they are called.
#include "frontend/Builtins.h"
#include "frontend/ImporterImpl.h"

namespace fovea {

using namespace ast;
using MaybeValue = Importer::MaybeValue;

MaybeValue Importer::call(const Value &callee, llvm::ArrayRef<LocatedValue> arguments,
                          SourceRange range) {
  if (auto *function = callee.get<FunctionValue>())
    return inOperation("", [&] { return callFunction(*function->function, arguments, range); });
  if (auto *lambda = callee.get<LambdaValue>())
    return inOperation("", [&] { return callLambda(*lambda, arguments, range); });
  if (auto *get = callee.get<ConfigGetValue>())
    return callConfigGet(*get, arguments, range);
  auto *builtin = callee.get<BuiltinValue>();
  if (!builtin)
    return fail(range, callee.describe() + " cannot be called");
  std::vector<LocatedValue> all;
  if (builtin->self)
    all.push_back({"", *builtin->self, range});
  all.insert(all.end(), arguments.begin(), arguments.end());
  return callBuiltin(*this, *builtin->builtin, all, range);
}

//===-- Functions ---------------------------------------------------------------------------===//

// `f -> g -> f`, from the first call of `function` on.
std::string Importer::describeCycle(const Function &function) const {
  std::string cycle;
  for (const Frame &frame : frames)
    if (!cycle.empty() || frame.function == &function)
      cycle += (frame.function->name.name + " -> ").str();
  return cycle + function.name.name.str();
}

MaybeValue Importer::callFunction(const Function &function, llvm::ArrayRef<LocatedValue> arguments,
                                  SourceRange range) {
  if (llvm::any_of(frames, [&](const Frame &frame) { return frame.function == &function; }))
    return fail(range, "'" + function.name.name + "' calls itself: " + describeCycle(function));
  std::vector<std::optional<LocatedValue>> matched(function.parameters.size());
  if (!matchArguments(function, arguments, range, matched))
    return std::nullopt;
  frames.push_back({&function, range});
  Body body;
  body.scope = newScope(globals);
  MaybeValue result;
  if (bindParameters(function, matched, range, body.scope)) {
    if (execute(function.body, body) == Flow::Next && !body.failed)
      fail(function.name.range, "'" + function.name.name + "' ends without a 'return'");
    else if (!body.failed && checkResults(function, body)) {
      std::vector<Value> values;
      for (LocatedValue &value : body.results)
        values.push_back(std::move(value.value));
      result = body.returnsSequence ? Value(std::move(values)) : values[0];
    }
  }
  frames.pop_back();
  return result;
}

bool Importer::matchArguments(const Function &function, llvm::ArrayRef<LocatedValue> arguments,
                              SourceRange range,
                              std::vector<std::optional<LocatedValue>> &matched) {
  size_t next = 0;
  for (const LocatedValue &argument : arguments) {
    size_t position = next;
    if (argument.name.empty()) {
      ++next;
      if (position >= matched.size()) {
        fail(argument.range, "'" + function.name.name + "' takes " + llvm::Twine(matched.size()) +
                                 " arguments, got " + llvm::Twine(arguments.size()));
        return false;
      }
    } else {
      position = llvm::find_if(function.parameters,
                               [&](const Parameter &p) { return p.name.name == argument.name; }) -
                 function.parameters.begin();
    }
    if (position >= matched.size()) {
      std::vector<llvm::StringRef> names;
      for (const Parameter &parameter : function.parameters)
        names.push_back(parameter.name.name);
      fail(argument.range, "'" + function.name.name + "' has no parameter '" + argument.name + "'" +
                               didYouMean(argument.name, names));
      return false;
    }
    if (matched[position]) {
      fail(argument.range,
           "parameter '" + function.parameters[position].name.name + "' is given twice");
      return false;
    }
    matched[position] = argument;
  }
  return true;
}

// Dims first, so that defaults and weights may use them whatever the order of the parameters.
bool Importer::bindParameters(const Function &function,
                              std::vector<std::optional<LocatedValue>> &matched, SourceRange range,
                              Scope *scope) {
  for (auto [parameter, argument] : llvm::zip_equal(function.parameters, matched)) {
    if (!argument)
      continue;
    auto value = checkKind(parameter, *argument);
    if (!value)
      return false;
    argument->value = std::move(*value);
    if (parameter.type && !bindDims(*parameter.type, *argument, *scope))
      return false;
  }
  for (auto [parameter, argument] : llvm::zip_equal(function.parameters, matched)) {
    std::optional<Value> value;
    if (argument) {
      value = argument->value;
    } else if (parameter.defaultValue) {
      value = evaluate(parameter.defaultValue, scope);
    } else if (parameter.type && parameter.type->isWeight) {
      auto weight = namedWeight(parameter, scope);
      auto shape = weight ? evaluateDims(*parameter.type, scope) : std::nullopt;
      value = shape ? loadWeight(*weight, *shape, parameter.type->range) : std::nullopt;
    } else {
      fail(range,
           "'" + function.name.name + "' needs an argument for '" + parameter.name.name + "'");
    }
    if (!value)
      return false;
    if (argument && parameter.type && isTensorType(*parameter.type) &&
        !checkTensor(*parameter.type, *argument, scope,
                     ("parameter '" + parameter.name.name + "'").str()))
      return false;
    scope->names[parameter.name.name] = std::move(*value);
  }
  return true;
}

MaybeValue Importer::callLambda(const LambdaValue &lambda, llvm::ArrayRef<LocatedValue> arguments,
                                SourceRange range) {
  const auto &parameters = lambda.lambda->parameters;
  if (arguments.size() != parameters.size())
    return fail(range, "this lambda takes " + llvm::Twine(parameters.size()) + " arguments, got " +
                           llvm::Twine(arguments.size()));
  Scope *scope = newScope(lambda.scope);
  for (auto [parameter, argument] : llvm::zip_equal(parameters, arguments)) {
    if (!argument.name.empty())
      return fail(argument.range, "a lambda takes positional arguments only");
    scope->names[parameter.name] = argument.value;
  }
  return evaluate(lambda.lambda->body, scope);
}

} // namespace fovea
