// The subcommands of the driver, one file each.
#ifndef FOVEA_TOOLS_FOVEA_SUBCOMMANDS_H
#define FOVEA_TOOLS_FOVEA_SUBCOMMANDS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

namespace fovea::tool {

/// Runs a subcommand on what follows its name. A UsageError ends with exit status 2, any other
/// error with 1.
using Subcommand = llvm::Error (*)(llvm::ArrayRef<const char *> arguments);

llvm::Error runCommand(llvm::ArrayRef<const char *> arguments);        // Run.cpp
llvm::Error compileCommand(llvm::ArrayRef<const char *> arguments);    // Compile.cpp
llvm::Error generateCommand(llvm::ArrayRef<const char *> arguments);   // Generate.cpp
llvm::Error benchCommand(llvm::ArrayRef<const char *> arguments);      // Bench.cpp
llvm::Error perplexityCommand(llvm::ArrayRef<const char *> arguments); // Perplexity.cpp
llvm::Error tokenizeCommand(llvm::ArrayRef<const char *> arguments);   // Tokenize.cpp
llvm::Error inspectCommand(llvm::ArrayRef<const char *> arguments);    // Inspect.cpp

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_SUBCOMMANDS_H
