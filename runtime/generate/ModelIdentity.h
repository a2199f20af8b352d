// Which model something was made with: a short text that two models share only if they are one.
#ifndef FOVEA_RUNTIME_GENERATE_MODELIDENTITY_H
#define FOVEA_RUNTIME_GENERATE_MODELIDENTITY_H

#include "frontend/WeightSource.h"
#include "llvm/Support/JSON.h"

namespace fovea {

/// 32 hex digits, the hash of the configuration and, of every tensor, of its name, its type, its
/// sizes and some of its bytes: reading them all would take as long as reading the model. Another
/// order of the configuration's keys, or of tensors in their files, is the same model.
std::string modelIdentity(const llvm::json::Object &config, const WeightSource &weights);

} // namespace fovea

#endif // FOVEA_RUNTIME_GENERATE_MODELIDENTITY_H
