#include "frontend/Architectures.h"

using namespace fovea;

namespace {
struct Architecture {
  llvm::StringRef name, description;
};
} // namespace

static const Architecture architectures[] = {
#include "frontend/Architectures.inc"
    {"", ""} // An array must not be empty.
};

static llvm::ArrayRef<Architecture> getArchitectures() {
  return llvm::ArrayRef(architectures).drop_back();
}

std::optional<llvm::StringRef> fovea::findArchitecture(llvm::StringRef modelType) {
  for (const Architecture &architecture : getArchitectures())
    if (architecture.name == modelType)
      return architecture.description;
  return std::nullopt;
}

std::vector<llvm::StringRef> fovea::architectureNames() {
  std::vector<llvm::StringRef> names;
  for (const Architecture &architecture : getArchitectures())
    names.push_back(architecture.name);
  return names;
}
