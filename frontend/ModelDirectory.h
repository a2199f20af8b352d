// A model as model hubs lay it out: a directory with `config.json` and weights, in one
// safetensors file or in shards with an index.
#ifndef FOVEA_FRONTEND_MODELDIRECTORY_H
#define FOVEA_FRONTEND_MODELDIRECTORY_H

#include "frontend/WeightSource.h"
#include "llvm/Support/JSON.h"

namespace fovea {

class ModelDirectory {
public:
  /// Reads `config.json`. The weights are left alone until `openWeights`.
  static llvm::Expected<ModelDirectory> open(llvm::StringRef path);

  llvm::StringRef path() const { return directory; }
  const llvm::json::Object &config() const { return configuration; }

  /// The architecture's name: the first of `architectures`, such as "LlamaForCausalLM"; else
  /// `model_type`; an error if config.json has neither.
  llvm::Expected<std::string> architecture() const;

  /// An entry of config.json; an error if it is missing or of another kind.
  llvm::Expected<int64_t> integer(llvm::StringRef key) const;
  llvm::Expected<double> number(llvm::StringRef key) const;
  llvm::Expected<bool> boolean(llvm::StringRef key) const;
  llvm::Expected<std::string> string(llvm::StringRef key) const;

  llvm::Expected<std::shared_ptr<const WeightSource>> openWeights() const;

private:
  llvm::Error wrongEntry(llvm::StringRef key, llvm::StringRef expected) const;

  std::string directory;
  std::string configPath;
  llvm::json::Object configuration;
};

} // namespace fovea

#endif // FOVEA_FRONTEND_MODELDIRECTORY_H
