#include "frontend/ShardedWeights.h"
#include "frontend/Json.h"
#include "frontend/Shortened.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Path.h"

using namespace fovea;

llvm::Expected<const SafetensorsFile *> ShardedWeights::openShard(llvm::StringRef fileName) {
  auto it = shards.find(fileName);
  if (it != shards.end())
    return it->second.get();
  if (fileName != llvm::sys::path::filename(fileName) || fileName == "." || fileName == ".." ||
      fileName.empty() || fileName.contains('\0'))
    return llvm::createStringError(path + ": expected the name of a file beside the index, got '" +
                                   shortened(fileName) + "'");
  llvm::SmallString<128> shardPath(llvm::sys::path::parent_path(path));
  llvm::sys::path::append(shardPath, fileName);
  llvm::Expected<std::unique_ptr<SafetensorsFile>> shard = SafetensorsFile::open(shardPath);
  if (!shard)
    return shard.takeError();
  return (shards[fileName.str()] = std::move(*shard)).get();
}

llvm::Expected<std::unique_ptr<ShardedWeights>> ShardedWeights::open(llvm::StringRef indexPath) {
  llvm::Expected<llvm::json::Object> index = readJsonObject(indexPath);
  if (!index)
    return index.takeError();
  const llvm::json::Object *map = index->getObject("weight_map");
  if (!map)
    return llvm::createStringError(
        indexPath + ": expected 'weight_map', an object from tensors to files, got " +
        kindOf(index->get("weight_map")));
  auto result = std::make_unique<ShardedWeights>();
  result->path = indexPath.str();
  for (const auto &[key, value] : *map) {
    llvm::StringRef name = key;
    std::optional<llvm::StringRef> fileName = value.getAsString();
    if (!fileName)
      return llvm::createStringError(indexPath + ": expected a file name for tensor '" + name +
                                     "', got " + describeKind(value));
    llvm::Expected<const SafetensorsFile *> shard = result->openShard(*fileName);
    if (!shard)
      return shard.takeError();
    if (!(*shard)->findStored(name))
      return llvm::createStringError((*shard)->location() + ": no tensor '" + name + "', which " +
                                     indexPath + " says is here");
    result->shardOf.emplace(name.str(), *shard);
  }
  return result;
}

std::optional<TensorView> ShardedWeights::find(llvm::StringRef name) const {
  auto it = shardOf.find(name);
  if (it == shardOf.end())
    return std::nullopt;
  return it->second->find(name);
}

std::optional<TensorView> ShardedWeights::findStored(llvm::StringRef name) const {
  auto it = shardOf.find(name);
  if (it == shardOf.end())
    return std::nullopt;
  return it->second->findStored(name);
}

std::shared_ptr<const void> ShardedWeights::load(llvm::StringRef name, int64_t begin,
                                                 int64_t end) const {
  auto it = shardOf.find(name);
  return it == shardOf.end() ? nullptr : it->second->load(name, begin, end);
}

void ShardedWeights::release(llvm::StringRef name, int64_t begin, int64_t end) const {
  if (auto it = shardOf.find(name); it != shardOf.end())
    it->second->release(name, begin, end);
}

std::vector<std::string> ShardedWeights::names() const {
  std::vector<std::string> result;
  for (const auto &entry : shardOf)
    result.push_back(entry.first);
  return result;
}
