// Which compiler this is, down to the build: code that another one made is not taken for its own.
#ifndef FOVEA_RUNTIME_COMPILERIDENTITY_H
#define FOVEA_RUNTIME_COMPILERIDENTITY_H

#include <string>

namespace fovea {

/// The version of LLVM and the build ids that the linker gave to Fovea, MLIR and LLVM; empty if one
/// of them has none.
std::string compilerIdentity();

} // namespace fovea

#endif // FOVEA_RUNTIME_COMPILERIDENTITY_H
