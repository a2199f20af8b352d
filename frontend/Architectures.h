// The descriptions that are built into the library, so that a model directory runs without any
// other file: frontend/models/NAME.fov describes the models whose config.json says
// `"model_type": "NAME"`, frontend/models/shared/NAME.fov holds what those share, to be imported.
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

/// The same of all descriptions.
std::optional<llvm::StringRef> findDescription(llvm::StringRef name);
std::vector<llvm::StringRef> descriptionNames();

} // namespace fovea

#endif // FOVEA_FRONTEND_ARCHITECTURES_H
