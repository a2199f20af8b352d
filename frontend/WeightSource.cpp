#include "frontend/WeightSource.h"
#include "frontend/FileIO.h"
#include "frontend/Mxfp4Weights.h"
#include "frontend/Safetensors.h"
#include "frontend/ShardedWeights.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace fovea;

WeightSource::~WeightSource() = default;

llvm::Error InMemoryWeights::add(llvm::StringRef name, Tensor tensor) {
  if (llvm::Error error = tensor.view().validate())
    return error;
  if (tensors.count(name))
    return llvm::createStringError("there is a weight '" + name + "' already");
  if (!tensor.view().isContiguous()) {
    llvm::Expected<Tensor> packed = Tensor::copyOf(tensor);
    if (!packed)
      return packed.takeError();
    tensor = std::move(*packed);
  }
  tensors.emplace(name.str(), std::move(tensor));
  return llvm::Error::success();
}

std::optional<TensorView> InMemoryWeights::find(llvm::StringRef name) const {
  auto it = tensors.find(name);
  if (it == tensors.end())
    return std::nullopt;
  return it->second.view();
}

std::vector<std::string> InMemoryWeights::names() const {
  std::vector<std::string> result;
  for (const auto &entry : tensors)
    result.push_back(entry.first);
  return result;
}

template <typename Source>
static llvm::Expected<std::shared_ptr<const WeightSource>> openAs(llvm::StringRef path) {
  llvm::Expected<std::unique_ptr<Source>> source = Source::open(path);
  if (!source)
    return source.takeError();
  return withMxfp4Unpacked(std::move(*source));
}

llvm::Expected<std::shared_ptr<const WeightSource>> fovea::openWeights(llvm::StringRef path) {
  if (!llvm::sys::fs::is_directory(path)) {
    if (path.ends_with(".index.json"))
      return openAs<ShardedWeights>(path);
    return openAs<SafetensorsFile>(path);
  }
  llvm::SmallString<128> file(path), index(path);
  llvm::sys::path::append(file, "model.safetensors");
  llvm::sys::path::append(index, "model.safetensors.index.json");
  if (isPresent(file))
    return openAs<SafetensorsFile>(file);
  if (isPresent(index))
    return openAs<ShardedWeights>(index);
  return llvm::createStringError(
      std::make_error_code(std::errc::no_such_file_or_directory),
      path + ": expected model.safetensors or model.safetensors.index.json in this directory, "
             "found neither");
}
