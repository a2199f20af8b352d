// Descriptions of whole architectures that are built into the library, so that a model directory
// runs without any other file: examples/NAME.fov describes models whose config.json says
// `"model_type": "NAME"`.
#ifndef FOVEA_FRONTEND_ARCHITECTURES_H
#define FOVEA_FRONTEND_ARCHITECTURES_H

#include "llvm/ADT/StringRef.h"
#include <optional>
#include <vector>

namespace fovea {

/// The text of the description of an architecture.
std::optional<llvm::StringRef> findArchitecture(llvm::StringRef modelType);

/// The architectures that have one, in alphabetical order.
std::vector<llvm::StringRef> architectureNames();

} // namespace fovea

#endif // FOVEA_FRONTEND_ARCHITECTURES_H
