// Makes a shared library of an object with the system's linker.
#ifndef FOVEA_TOOLS_FOVEA_LINK_H
#define FOVEA_TOOLS_FOVEA_LINK_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace fovea::tool {

/// Links the bytes of an object into a shared library at `path`, which is written whole or not
/// at all; "-" is stdout. Uses the first of $CC, cc, clang-22, clang, gcc, ld.lld-22 and ld.lld
/// that there is; an error holds what it said.
llvm::Error linkSharedLibrary(llvm::StringRef object, llvm::StringRef path);

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_LINK_H
