#include "frontend/Architectures.h"

using namespace fovea;

namespace {
struct Description {
  llvm::StringRef name, text;
  bool isArchitecture;
};
} // namespace

static const Description descriptions[] = {
#include "frontend/Architectures.inc"
};

std::optional<llvm::StringRef> fovea::findDescription(llvm::StringRef name) {
  for (const Description &description : descriptions)
    if (description.name == name)
      return description.text;
  return std::nullopt;
}

std::vector<llvm::StringRef> fovea::descriptionNames() {
  std::vector<llvm::StringRef> names;
  for (const Description &description : descriptions)
    names.push_back(description.name);
  return names;
}

std::optional<llvm::StringRef> fovea::findArchitecture(llvm::StringRef modelType) {
  for (const Description &description : descriptions)
    if (description.isArchitecture && description.name == modelType)
      return description.text;
  return std::nullopt;
}

std::vector<llvm::StringRef> fovea::architectureNames() {
  std::vector<llvm::StringRef> names;
  for (const Description &description : descriptions)
    if (description.isArchitecture)
      names.push_back(description.name);
  return names;
}
