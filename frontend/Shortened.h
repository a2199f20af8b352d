// Text of any length from a file, as messages show it.
#ifndef FOVEA_FRONTEND_SHORTENED_H
#define FOVEA_FRONTEND_SHORTENED_H

#include "llvm/ADT/StringRef.h"
#include <string>

namespace fovea {

/// Up to 60 bytes of UTF-8 text from its beginning, whole characters, and "..." if it has more.
std::string shortened(llvm::StringRef text);

} // namespace fovea

#endif // FOVEA_FRONTEND_SHORTENED_H
