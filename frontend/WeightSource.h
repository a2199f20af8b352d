// Where a model's weights come from: tensors by name, from one file, a directory of shards, or
// memory. Sources do not change once made, so any number of threads may read them.
#ifndef FOVEA_FRONTEND_WEIGHTSOURCE_H
#define FOVEA_FRONTEND_WEIGHTSOURCE_H

#include "runtime/tensor/Tensor.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fovea {

class WeightSource {
public:
  virtual ~WeightSource();

  /// The tensor of that name, contiguous; nothing if there is none. Valid while the source lives.
  virtual std::optional<TensorView> find(llvm::StringRef name) const = 0;

  /// The same for who copies the elements or asks for type and sizes alone: they may lie at any
  /// address, and need no memory of their own where `find` has to align them first. To be read they
  /// have to be loaded.
  virtual std::optional<TensorView> findStored(llvm::StringRef name) const { return find(name); }

  /// As long as what this returns lives, if it is not null, these bytes of what `findStored` gives
  /// hold the elements. It must not outlive the source.
  [[nodiscard]] virtual std::shared_ptr<const void> load(llvm::StringRef name, int64_t begin,
                                                         int64_t end) const {
    return nullptr;
  }

  /// The caller has read these bytes of what `findStored` gives and will hardly do so again: pages
  /// of a file need not stay in the memory of this process. They can still be read.
  virtual void release(llvm::StringRef name, int64_t begin, int64_t end) const {}

  /// All names, sorted.
  virtual std::vector<std::string> names() const = 0;

  /// What messages call the source: a path, or "the weights in memory".
  virtual std::string location() const = 0;
};

/// Weights made by a program.
class InMemoryWeights : public WeightSource {
public:
  /// Takes a tensor, packed if it is not contiguous. An error if the name is taken.
  llvm::Error add(llvm::StringRef name, Tensor tensor);

  std::optional<TensorView> find(llvm::StringRef name) const override;
  std::vector<std::string> names() const override;
  std::string location() const override { return "the weights in memory"; }

private:
  std::map<std::string, Tensor, std::less<>> tensors;
};

/// The weights at `path`: a `.safetensors` file, a `.safetensors.index.json` file, or a directory
/// that holds `model.safetensors` or `model.safetensors.index.json`.
llvm::Expected<std::shared_ptr<const WeightSource>> openWeights(llvm::StringRef path);

} // namespace fovea

#endif // FOVEA_FRONTEND_WEIGHTSOURCE_H
