#include "runtime/generate/ModelFiles.h"
#include "dialect/AttnOps.h"
#include "frontend/FileIO.h"
#include "frontend/Json.h"
#include "runtime/Memory.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/GlobPattern.h"
#include "llvm/Support/Path.h"
#include <limits>

using namespace fovea;
using llvm::StringRef;
using llvm::Twine;

/// `eos_token_id`: a number or a list of them, or absent.
static llvm::Error readEnds(const llvm::json::Object &config, const Twine &path,
                            std::vector<End> &ends) {
  const llvm::json::Value *value = config.get("eos_token_id");
  if (!value || value->kind() == llvm::json::Value::Null)
    return llvm::Error::success();
  llvm::json::Array list;
  if (value->getAsArray())
    list = *value->getAsArray();
  else
    list.push_back(*value);
  for (const llvm::json::Value &element : list) {
    std::optional<int64_t> id = element.getAsInteger();
    if (!id)
      return llvm::createStringError(path +
                                     ": expected 'eos_token_id', a token or a list of them, "
                                     "got " +
                                     describeKind(element));
    if (*id < 0 || *id > std::numeric_limits<TokenId>::max())
      return llvm::createStringError(path + ": expected 'eos_token_id' to be a token, got " +
                                     Twine(*id));
    ends.push_back({static_cast<TokenId>(*id), path.str()});
  }
  return llvm::Error::success();
}

llvm::Expected<std::vector<End>> fovea::findEnds(const ModelDirectory &directory) {
  std::vector<End> ends;
  if (llvm::Error error = readEnds(directory.config(), directory.path() + "/config.json", ends))
    return std::move(error);
  llvm::SmallString<128> path(directory.path());
  llvm::sys::path::append(path, "generation_config.json");
  if (!isPresent(path))
    return ends;
  llvm::Expected<llvm::json::Object> config = readJsonObject(path);
  if (!config)
    return config.takeError();
  if (llvm::Error error = readEnds(*config, path, ends))
    return std::move(error);
  return ends;
}

static bool hasTokenizer(StringRef directory) {
  llvm::StringRef names[] = {"tokenizer.json", "vocab.json"};
  return llvm::any_of(names, [&](StringRef name) {
    llvm::SmallString<128> path(directory);
    llvm::sys::path::append(path, name);
    return isPresent(path);
  });
}

TokenizerReader::TokenizerReader(StringRef directory) {
  if (hasTokenizer(directory))
    // Where the system refuses a thread, `finish` reads it.
    result = std::async(std::launch::async | std::launch::deferred, [path = directory.str()] {
      llvm::Expected<Tokenizer> tokenizer = Tokenizer::fromDirectory(path);
      returnFreeMemory(); // a parsed file takes many times what the tokenizer does
      return tokenizer ? Result{std::move(*tokenizer), ""}
                       : Result{std::nullopt, llvm::toString(tokenizer.takeError())};
    });
}

llvm::Error TokenizerReader::finish(std::optional<Tokenizer> &tokenizer) {
  if (!result.valid())
    return llvm::Error::success();
  Result read = result.get();
  tokenizer = std::move(read.tokenizer);
  return tokenizer ? llvm::Error::success() : llvm::createStringError(read.message);
}

/// The names of all tensors that the module loads.
static llvm::StringSet<> usedWeights(mlir::ModuleOp module) {
  llvm::StringSet<> used;
  module.walk([&](attn::WeightOp weight) {
    attn::WeightSlots slots = weight.getSlots();
    for (int64_t slot = 0, size = slots.size(); slot < size; slot += slots.stackSize())
      used.insert(slots.nameOf(slot));
  });
  return used;
}

llvm::Error fovea::checkUnused(const Graph &graph, const WeightSource &weights) {
  std::vector<llvm::GlobPattern> patterns;
  if (auto list = llvm::dyn_cast_or_null<mlir::ArrayAttr>(graph.exported("unused_weights")))
    for (auto text : list.getAsRange<mlir::StringAttr>()) {
      llvm::Expected<llvm::GlobPattern> pattern = llvm::GlobPattern::create(text.getValue());
      if (!pattern)
        return pattern.takeError();
      patterns.push_back(std::move(*pattern));
    }
  llvm::StringSet<> used = usedWeights(graph.module());
  for (const std::string &name : weights.names())
    if (!used.contains(name) && llvm::none_of(patterns, [&](const llvm::GlobPattern &pattern) {
          return pattern.match(name);
        }))
      return llvm::createStringError(weights.location() + ": unexpected tensor '" + name +
                                     "': the model's description does not use it");
  return llvm::Error::success();
}
