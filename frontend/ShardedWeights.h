// Weights in several safetensors files with an index, `model.safetensors.index.json`, whose
// `weight_map` says which file holds which tensor.
#ifndef FOVEA_FRONTEND_SHARDEDWEIGHTS_H
#define FOVEA_FRONTEND_SHARDEDWEIGHTS_H

#include "frontend/Safetensors.h"

namespace fovea {

class ShardedWeights : public WeightSource {
public:
  /// Opens the index and each shard that it names. Shards lie beside the index: a name with a
  /// directory in it is an error, and so is a tensor that its shard does not hold.
  static llvm::Expected<std::unique_ptr<ShardedWeights>> open(llvm::StringRef indexPath);

  std::optional<TensorView> find(llvm::StringRef name) const override;
  std::optional<TensorView> findStored(llvm::StringRef name) const override;
  std::shared_ptr<const void> load(llvm::StringRef name, int64_t begin, int64_t end) const override;
  void release(llvm::StringRef name, int64_t begin, int64_t end) const override;
  std::vector<std::string> names() const override;
  std::string location() const override { return path; }

private:
  llvm::Expected<const SafetensorsFile *> openShard(llvm::StringRef fileName);

  std::string path;
  std::map<std::string, std::unique_ptr<SafetensorsFile>, std::less<>> shards; // by file name
  std::map<std::string, const SafetensorsFile *, std::less<>> shardOf;         // by tensor name
};

} // namespace fovea

#endif // FOVEA_FRONTEND_SHARDEDWEIGHTS_H
