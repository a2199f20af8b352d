// Values of JSON configurations: what each is, what it must be, and messages that name file and
// key.
#include "frontend/ImporterImpl.h"
#include <cmath>

namespace fovea {

using MaybeValue = Importer::MaybeValue;

MaybeValue Importer::fromJson(const ConfigValue &owner, llvm::StringRef key,
                              const llvm::json::Value &json, SourceRange range) {
  if (auto flag = json.getAsBoolean())
    return Value(*flag);
  if (auto integer = json.getAsInteger())
    return Value(*integer);
  if (auto number = json.getAsNumber())
    return Value(*number);
  if (auto text = json.getAsString())
    return Value(text->str());
  if (auto *object = json.getAsObject())
    return Value(ConfigValue{owner.file, object, owner.section + key.str() + "."});
  if (auto *array = json.getAsArray()) {
    std::vector<Value> elements;
    for (const llvm::json::Value &element : *array) {
      MaybeValue value = fromJson(owner, key, element, range);
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
    return fromJson(config, key, *value, range);
  std::vector<llvm::StringRef> keys;
  for (const auto &entry : *config.object)
    keys.push_back(entry.first);
  llvm::sort(keys);
  return fail(range,
              config.file->path + " has no '" + config.section + key + "'" + didYouMean(key, keys));
}

/// Sizes beyond this are no sizes of models, and products of a few still fit in 64 bits.
static constexpr int64_t maxConfigSize = int64_t(1) << 40;

/// What a value of the configuration must be: said by the function that reads it, or by the kind of
/// the default.
static std::string expectedOf(ConfigGetValue::Kind kind, const Value &fallback) {
  switch (kind) {
  case ConfigGetValue::Kind::Size:
    return "an integer from 1 to 2^40";
  case ConfigGetValue::Kind::Positive:
    return "a number above 0";
  case ConfigGetValue::Kind::Positives:
    return "a list of numbers above 0";
  case ConfigGetValue::Kind::Section:
    return "an object";
  case ConfigGetValue::Kind::Any:
  case ConfigGetValue::Kind::Require:
    break;
  }
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

static bool isPositive(const Value &value) {
  return (value.is<int64_t>() || value.is<double>()) && *value.number() > 0 &&
         std::isfinite(*value.number());
}

static bool isExpected(ConfigGetValue::Kind kind, const Value &fallback, const Value &value) {
  switch (kind) {
  case ConfigGetValue::Kind::Size:
    return value.is<int64_t>() && *value.integer() >= 1 && *value.integer() <= maxConfigSize;
  case ConfigGetValue::Kind::Positive:
    return isPositive(value);
  case ConfigGetValue::Kind::Positives:
    return value.sequence() && llvm::all_of(*value.sequence(), isPositive);
  case ConfigGetValue::Kind::Section:
    return value.is<ConfigValue>();
  case ConfigGetValue::Kind::Any:
  case ConfigGetValue::Kind::Require:
    break;
  }
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

/// Of a list the element that is wrong.
static std::string describeWrong(ConfigGetValue::Kind kind, const Value &value) {
  if (kind == ConfigGetValue::Kind::Positives && value.sequence())
    for (const Value &element : *value.sequence())
      if (!isPositive(element))
        return "a list with " + element.describe();
  return value.describe();
}

/// Whether a value must be there where no default is given.
static bool isRequired(ConfigGetValue::Kind kind) {
  return kind != ConfigGetValue::Kind::Any && kind != ConfigGetValue::Kind::Section;
}

// config.require(key, condition, expected, got=the value): true, or an error that says what the key
// should be.
MaybeValue Importer::callConfigRequire(const ConfigValue &config,
                                       llvm::ArrayRef<LocatedValue> arguments, SourceRange range) {
  bool isComplete = arguments.size() == 3 || arguments.size() == 4;
  auto *key = isComplete ? arguments[0].value.get<TextValue>() : nullptr;
  auto *expected = key ? arguments[2].value.get<TextValue>() : nullptr;
  if (!expected)
    return fail(range, "'require' takes a key, a condition and what is expected");
  std::optional<bool> holds = truth(arguments[1].value, arguments[1].range);
  if (!holds || *holds)
    return holds ? MaybeValue(Value(true)) : std::nullopt;
  const llvm::json::Value *found = config.object->get(key->text);
  MaybeValue value;
  if (arguments.size() == 4)
    value = arguments[3].value;
  else if (found)
    value = fromJson(config, key->text, *found, range);
  return fail(range, config.file->path + ": expected '" + config.section + key->text + "', " +
                         expected->text + ", got " + (value ? value->describe() : "no such entry"));
}

// A key that is null counts as absent, as Hugging Face writes it.
MaybeValue Importer::callConfigGet(const ConfigGetValue &get,
                                   llvm::ArrayRef<LocatedValue> arguments, SourceRange range) {
  if (get.kind == ConfigGetValue::Kind::Require)
    return callConfigRequire(get.config, arguments, range);
  auto *key = arguments.empty() ? nullptr : arguments[0].value.get<TextValue>();
  if (!key || arguments.size() > 2)
    return fail(range, "a value of a configuration is asked for by a key and a default");
  Value fallback = arguments.size() == 2 ? arguments[1].value : Value();
  const ConfigValue &config = get.config;
  const llvm::json::Value *found = config.object->get(key->text);
  bool isAbsent = !found || found->kind() == llvm::json::Value::Null;
  if (isAbsent && isRequired(get.kind) && arguments.size() == 1)
    return found ? fail(range, config.file->path + ": '" + config.section + key->text + "' is null")
                 : configAttribute(config, key->text, range);
  MaybeValue value = isAbsent ? fallback : fromJson(config, key->text, *found, range);
  // A default may be anything but a wrong size.
  bool isFree = isAbsent && !(get.kind == ConfigGetValue::Kind::Size && fallback.is<int64_t>());
  if (!value || isFree)
    return value;
  if (!isExpected(get.kind, fallback, *value))
    return fail(range, config.file->path + ": expected '" + config.section + key->text + "', " +
                           expectedOf(get.kind, fallback) + ", got " +
                           describeWrong(get.kind, *value));
  // 10000 and 10000.0 are one number.
  if (get.kind == ConfigGetValue::Kind::Positive)
    return Value(*value->number());
  return value;
}

} // namespace fovea
