// The function of a C header that checks the sizes of an entry's inputs, as the runtime does
// before each run (runtime/CompiledEntry.cpp).
#ifndef FOVEA_TOOLS_FOVEA_HEADERCHECK_H
#define FOVEA_TOOLS_FOVEA_HEADERCHECK_H

#include "runtime/Signature.h"
#include "llvm/Support/raw_ostream.h"

namespace fovea::tool {

/// Writes `const char *NAME_check_inputs(const fovea_tensor *inputs)`, which gives null, or what
/// was expected of the first size that does not fit.
void writeInputCheck(llvm::raw_ostream &os, const EntrySignature &entry);

/// Text as a C string literal.
void writeQuoted(llvm::raw_ostream &os, llvm::StringRef text);

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_HEADERCHECK_H
