// The C header of compiled code: self-contained, so that a C program needs nothing else.
#ifndef FOVEA_TOOLS_FOVEA_HEADER_H
#define FOVEA_TOOLS_FOVEA_HEADER_H

#include "runtime/Compile.h"

namespace fovea::tool {

/// The text of the header: the C interface, then for each entry its prototypes and, as comments
/// and macros, the names, types and order of inputs, outputs and weights. `model` is where the
/// code came from. An error if an entry's name is no C identifier.
llvm::Expected<std::string> makeHeader(const CompiledCode &code, llvm::StringRef model);

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_HEADER_H
