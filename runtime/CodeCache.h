// Compiled code on disk. An entry is a file named after the hash of everything that the code was
// made from. It is checked when it is read: a damaged entry is no entry.
#ifndef FOVEA_RUNTIME_CODECACHE_H
#define FOVEA_RUNTIME_CODECACHE_H

#include "runtime/CacheDirectory.h"
#include "runtime/Finding.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>
#include <vector>

namespace fovea {

/// What a compilation leaves.
struct CachedCode {
  std::string weights; // the module attribute attn.weights as text
  std::vector<std::string> objects;
  std::vector<Finding> report;
};

class CodeCache {
public:
  /// The directory is made when it is first written to. Its entries are kept to `maxBytes`. What
  /// others could have written is not run: one that is not this user's, or that others may write
  /// to, is neither read nor written.
  CodeCache(std::string directory, int64_t maxBytes)
      : directory(std::move(directory), ".fovea-code", maxBytes) {}

  /// The entry for `key`, which may be any bytes; nothing if there is none or it is damaged.
  std::optional<CachedCode> find(llvm::StringRef key) const;

  /// An error says why nothing could be written. An entry larger than the limit is not stored.
  llvm::Error store(llvm::StringRef key, const CachedCode &code) const;

  /// Where the entry for `key` lies.
  std::string pathOf(llvm::StringRef key) const;

private:
  CacheDirectory directory;
};

} // namespace fovea

#endif // FOVEA_RUNTIME_CODECACHE_H
