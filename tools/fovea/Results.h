// Files of the results of a run: .safetensors, or .npy for one.
#ifndef FOVEA_TOOLS_FOVEA_RESULTS_H
#define FOVEA_TOOLS_FOVEA_RESULTS_H

#include "Inputs.h"

namespace fovea::tool {

/// Fails before a run where `writeResults` could only fail after it: the ending of `path` must say
/// what to write, except where it is no regular file, which takes safetensors.
llvm::Error checkResultsFile(llvm::StringRef path);

/// The same for what such a file can hold.
llvm::Error checkResultsFit(llvm::StringRef path, const EntrySignature &entry);

llvm::Error writeResults(llvm::StringRef path, const NamedTensors &results);

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_RESULTS_H
