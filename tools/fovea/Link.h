// Makes a shared library of an object with the system's linker.
#ifndef FOVEA_TOOLS_FOVEA_LINK_H
#define FOVEA_TOOLS_FOVEA_LINK_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>

namespace fovea::tool {

/// The shared library of the bytes of an object. Uses $CC, or the first of cc, clang-22, clang,
/// gcc, ld.lld-22 and ld.lld that there is; an error holds what it said.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> linkSharedLibrary(llvm::StringRef object);

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_LINK_H
