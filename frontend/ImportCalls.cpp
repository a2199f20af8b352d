// Calls: functions of the description are expanded where they are called.
#include "frontend/Builtins.h"
#include "frontend/ImporterImpl.h"

namespace fovea {

using namespace ast;
using MaybeValue = Importer::MaybeValue;

MaybeValue Importer::call(const Value &callee, llvm::ArrayRef<LocatedValue> arguments,
                          SourceRange range) {
  if (auto *function = callee.get<FunctionValue>())
    return callFunction(*function->function, arguments, range);
  if (auto *lambda = callee.get<LambdaValue>())
    return callLambda(*lambda, arguments, range);
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
      result = values.size() == 1 ? values[0] : Value(std::move(values));
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

//===-- Configurations ----------------------------------------------------------------------===//

MaybeValue Importer::fromJson(const ConfigValue &owner, const llvm::json::Value &json,
                              SourceRange range) {
  if (auto flag = json.getAsBoolean())
    return Value(*flag);
  if (auto integer = json.getAsInteger())
    return Value(*integer);
  if (auto number = json.getAsNumber())
    return Value(*number);
  if (auto text = json.getAsString())
    return Value(text->str());
  if (auto *object = json.getAsObject())
    return Value(ConfigValue{owner.file, object});
  if (auto *array = json.getAsArray()) {
    std::vector<Value> elements;
    for (const llvm::json::Value &element : *array) {
      MaybeValue value = fromJson(owner, element, range);
      if (!value)
        return std::nullopt;
      elements.push_back(std::move(*value));
    }
    return Value(std::move(elements));
  }
  return Value();
}

MaybeValue Importer::configAttribute(const ConfigValue &config, llvm::StringRef key,
                                     SourceRange range) {
  if (const llvm::json::Value *value = config.object->get(key))
    return fromJson(config, *value, range);
  std::vector<llvm::StringRef> keys;
  for (const auto &entry : *config.object)
    keys.push_back(entry.first);
  llvm::sort(keys);
  return fail(range, config.file->path + " has no '" + key + "'" + didYouMean(key, keys));
}

/// Sizes beyond this are no sizes of models, and products of a few still fit in 64 bits.
static constexpr int64_t maxConfigSize = int64_t(1) << 40;

/// What a value of the configuration must be: said by the function that reads it, or by the kind of
/// the default.
static std::string expectedOf(ConfigGetValue::Kind kind, const Value &fallback) {
  if (kind == ConfigGetValue::Kind::Size)
    return "an integer from 1 to 2^40";
  if (kind == ConfigGetValue::Kind::Section)
    return "an object";
  if (fallback.is<bool>())
    return "true or false";
  if (fallback.is<double>())
    return "a number";
  if (fallback.integer())
    return "an integer";
  if (fallback.is<TextValue>())
    return "a string";
  return fallback.sequence() ? "a list" : "";
}

static bool isExpected(ConfigGetValue::Kind kind, const Value &fallback, const Value &value) {
  if (kind == ConfigGetValue::Kind::Size)
    return value.is<int64_t>() && *value.integer() >= 1 && *value.integer() <= maxConfigSize;
  if (kind == ConfigGetValue::Kind::Section)
    return value.is<ConfigValue>();
  if (fallback.is<bool>())
    return value.is<bool>();
  if (fallback.is<double>())
    return value.is<double>() || value.is<int64_t>();
  if (fallback.integer())
    return value.is<int64_t>();
  if (fallback.is<TextValue>())
    return value.is<TextValue>();
  return !fallback.sequence() || value.sequence();
}

// A key that is null counts as absent, as Hugging Face writes it.
MaybeValue Importer::callConfigGet(const ConfigGetValue &get,
                                   llvm::ArrayRef<LocatedValue> arguments, SourceRange range) {
  auto *key = arguments.empty() ? nullptr : arguments[0].value.get<TextValue>();
  if (!key || arguments.size() > 2)
    return fail(range, "a value of a configuration is asked for by a key and a default");
  Value fallback = arguments.size() == 2 ? arguments[1].value : Value();
  const llvm::json::Value *found = get.config.object->get(key->text);
  bool isAbsent = !found || found->kind() == llvm::json::Value::Null;
  if (isAbsent && get.kind == ConfigGetValue::Kind::Size && arguments.size() == 1)
    return found ? fail(range, get.config.file->path + ": '" + key->text + "' is null")
                 : configAttribute(get.config, key->text, range);
  MaybeValue value = isAbsent ? fallback : fromJson(get.config, *found, range);
  // A default may be anything but a wrong size.
  bool isFree = isAbsent && !(get.kind == ConfigGetValue::Kind::Size && fallback.is<int64_t>());
  if (!value || isFree || isExpected(get.kind, fallback, *value))
    return value;
  return fail(range, get.config.file->path + ": expected '" + key->text + "', " +
                         expectedOf(get.kind, fallback) + ", got " + value->describe());
}

} // namespace fovea
