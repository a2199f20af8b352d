// The options by which subcommands say where compiled code is kept.
#ifndef FOVEA_TOOLS_FOVEA_CACHEFLAGS_H
#define FOVEA_TOOLS_FOVEA_CACHEFLAGS_H

#include "CommandLine.h"
#include "runtime/Executable.h"

namespace fovea::tool {

struct CacheFlags {
  std::string directory;
  bool isOff = false;
  bool keepsWeights = false;

  void declare(CommandLine &line);
  /// --cache-dir, or fovea in XDG_CACHE_HOME or in ~/.cache; empty if there is to be none, or no
  /// home.
  std::string path() const;
  /// An error if weights are to be kept and there is no place for them.
  llvm::Error check() const;
};

/// Prints to stderr why code was not stored, if it was not.
void printCacheWarnings(const Executable &executable);

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_CACHEFLAGS_H
