// Which model something was made with: a short text that two models share only if they are one.
#ifndef FOVEA_RUNTIME_GENERATE_MODELIDENTITY_H
#define FOVEA_RUNTIME_GENERATE_MODELIDENTITY_H

#include "frontend/WeightSource.h"
#include "llvm/Support/JSON.h"
#include <mutex>

namespace fovea {

/// The hash of the configuration and, of every tensor, of its name, its type, its sizes and some of
/// its bytes: reading them all would take as long as reading the model. Another order of the
/// configuration's keys, or of tensors in their files, is the same model. It is computed when it is
/// first asked for, as only caches in files need it; until then and after, the weights stay open.
/// May be used by several threads at once.
class ModelIdentity {
public:
  ModelIdentity(llvm::json::Object config, std::shared_ptr<const WeightSource> weights)
      : config(std::move(config)), weights(std::move(weights)) {}

  /// 32 hexadecimal digits.
  const std::string &str() const;

private:
  llvm::json::Object config;
  std::shared_ptr<const WeightSource> weights;
  mutable std::once_flag once;
  mutable std::string digits;
};

} // namespace fovea

#endif // FOVEA_RUNTIME_GENERATE_MODELIDENTITY_H
