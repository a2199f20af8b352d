// Caches in files: one safetensors file with the cache tensors whole, and the lengths of the
// sequences as tensors of their own.
#include "frontend/Safetensors.h"
#include "runtime/generate/KvCache.h"
#include "llvm/ADT/STLExtras.h"

using namespace fovea;

// Names that no description can give a tensor.
static constexpr llvm::StringLiteral lengthsName = "sequence.lengths",
                                     highestName = "sequence.highest";
static constexpr const char *modelKey = "model";

llvm::Error KvCache::save(llvm::StringRef path) const {
  std::vector<std::pair<std::string, TensorView>> saved;
  for (auto [entry, tensor] : llvm::zip_equal(layout.tensors, tensors))
    saved.emplace_back(entry.name, tensor);
  saved.emplace_back(lengthsName.str(), TensorView(lengths.data(), {sequences()}));
  saved.emplace_back(highestName.str(), TensorView(highest.data(), {sequences()}));
  return writeSafetensors(path, saved,
                          {{modelKey, layout.modelDigits()},
                           {"capacity", std::to_string(maxLength)},
                           {"chunk", std::to_string(maxChunk)}});
}

/// Keys and values of another model mean nothing, whatever their shapes.
static llvm::Error checkModel(const SafetensorsFile &file, const std::string &expected) {
  auto it = file.metadata().find(modelKey);
  if (it == file.metadata().end())
    return llvm::createStringError(file.location() +
                                   ": expected a cache whose metadata say of which model it is, as "
                                   "'model', got one that does not");
  if (it->second != expected)
    return llvm::createStringError(file.location() + ": expected a cache of the model " + expected +
                                   ", got one of the model " + it->second);
  return llvm::Error::success();
}

/// The tensor of that name, which must be as described.
static llvm::Expected<TensorView> findLike(const SafetensorsFile &file, llvm::StringRef name,
                                           const TensorView &expected) {
  std::optional<TensorView> view = file.find(name);
  if (!view)
    return llvm::createStringError(file.location() + ": expected a cache that holds '" + name +
                                   "', there is none of that name");
  if (view->dataType() != expected.dataType() || view->sizes() != expected.sizes())
    return llvm::createStringError(file.location() + ": '" + name + "': expected " +
                                   expected.describe() + ", got " + view->describe());
  return *view;
}

llvm::Error KvCache::load(llvm::StringRef path) {
  auto file = SafetensorsFile::open(path);
  if (!file)
    return file.takeError();
  if (llvm::Error error = checkModel(**file, layout.modelDigits()))
    return error;
  std::vector<TensorView> found;
  for (auto [entry, tensor] : llvm::zip_equal(layout.tensors, tensors)) {
    llvm::Expected<TensorView> view = findLike(**file, entry.name, tensor);
    if (!view)
      return view.takeError();
    found.push_back(*view);
  }
  TensorView shape(lengths.data(), {sequences()});
  llvm::Expected<TensorView> newLengths = findLike(**file, lengthsName, shape);
  llvm::Expected<TensorView> newHighest =
      newLengths ? findLike(**file, highestName, shape) : newLengths.takeError();
  if (!newHighest)
    return newHighest.takeError();
  for (int64_t i = 0; i < sequences(); ++i) {
    int64_t length = static_cast<const int64_t *>(newLengths->data())[i];
    int64_t high = static_cast<const int64_t *>(newHighest->data())[i];
    if (length < 0 || length > high || high > maxLength)
      return llvm::createStringError((*file)->location() + ": expected a length of 0 to " +
                                     llvm::Twine(maxLength) + " of sequence " + llvm::Twine(i) +
                                     ", got " + llvm::Twine(length) + " of " + llvm::Twine(high));
    if (llvm::Error error = checkWindows(length, high))
      return llvm::createStringError((*file)->location() + ": " + llvm::toString(std::move(error)));
  }
  for (auto [tensor, view] : llvm::zip_equal(tensors, found))
    if (llvm::Error error = copyElements(view, tensor.mutableView()))
      return error;
  lengths.assign(static_cast<const int64_t *>(newLengths->data()),
                 static_cast<const int64_t *>(newLengths->data()) + sequences());
  highest.assign(static_cast<const int64_t *>(newHighest->data()),
                 static_cast<const int64_t *>(newHighest->data()) + sequences());
  return llvm::Error::success();
}
