#include "frontend/ModelDirectory.h"
#include "frontend/Json.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace fovea;

llvm::Expected<ModelDirectory> ModelDirectory::open(llvm::StringRef path) {
  if (!llvm::sys::fs::exists(path))
    return llvm::createStringError(path + ": no such directory");
  if (!llvm::sys::fs::is_directory(path))
    return llvm::createStringError(path + ": expected a model directory, got a file");
  llvm::SmallString<128> configPath(path);
  llvm::sys::path::append(configPath, "config.json");
  llvm::Expected<llvm::json::Object> config = readJsonObject(configPath);
  if (!config)
    return config.takeError();
  ModelDirectory model;
  model.directory = path.str();
  model.configPath = std::string(configPath);
  model.configuration = std::move(*config);
  return model;
}

llvm::Error ModelDirectory::wrongEntry(llvm::StringRef key, llvm::StringRef expected) const {
  const llvm::json::Value *value = configuration.get(key);
  return llvm::createStringError(configPath + ": expected '" + key + "', " + expected + ", got " +
                                 kindOf(value));
}

llvm::Expected<int64_t> ModelDirectory::integer(llvm::StringRef key) const {
  if (std::optional<int64_t> value = configuration.getInteger(key))
    return *value;
  return wrongEntry(key, "an integer");
}

llvm::Expected<double> ModelDirectory::number(llvm::StringRef key) const {
  if (std::optional<double> value = configuration.getNumber(key))
    return *value;
  return wrongEntry(key, "a number");
}

llvm::Expected<bool> ModelDirectory::boolean(llvm::StringRef key) const {
  if (std::optional<bool> value = configuration.getBoolean(key))
    return *value;
  return wrongEntry(key, "a boolean");
}

llvm::Expected<std::string> ModelDirectory::string(llvm::StringRef key) const {
  if (std::optional<llvm::StringRef> value = configuration.getString(key))
    return value->str();
  return wrongEntry(key, "a string");
}

llvm::Expected<std::string> ModelDirectory::architecture() const {
  const llvm::json::Array *names = configuration.getArray("architectures");
  if (names && !names->empty())
    if (std::optional<llvm::StringRef> name = names->front().getAsString())
      return name->str();
  if (configuration.get("model_type"))
    return string("model_type");
  return wrongEntry("architectures", "an array of strings");
}

llvm::Expected<std::shared_ptr<const WeightSource>> ModelDirectory::openWeights() const {
  return fovea::openWeights(directory);
}
