// Packed weights on disk, so that the next process need not pack them. An entry is a file named
// after the hash of what is packed, element by element, and of the form that it gets. It is checked
// when it is read: a damaged entry is no entry.
#ifndef FOVEA_RUNTIME_WEIGHTCACHE_H
#define FOVEA_RUNTIME_WEIGHTCACHE_H

#include "frontend/WeightSource.h"
#include "runtime/CacheDirectory.h"
#include "runtime/Signature.h"
#include "runtime/ThreadPool.h"

namespace fovea {

class WeightCache {
public:
  /// Entries are kept to `maxBytes`; others than this user may not write to the directory.
  WeightCache(std::string directory, int64_t maxBytes)
      : directory(std::move(directory), ".fovea-weights", maxBytes) {}

  /// What an entry is found by: the bytes of the tensors that `specs` name, all of which are read,
  /// the form in which code reads them, and the build of the compiler. Empty if that is not known.
  /// Contents are told apart by XXH3, 128 bits, which no accident matches but a forger may.
  static std::string keyOf(llvm::ArrayRef<WeightSpec> specs, const WeightSource &source,
                           ThreadPool &pool);

  /// Fills `packed` from the entry for `key`. False if there is none of that size, which is seen
  /// before anything is read, or it is damaged; then anything may be in `packed`.
  bool load(llvm::StringRef key, llvm::MutableArrayRef<char> packed, ThreadPool &pool) const;

  /// An error says why nothing was written: there is no room, or the entry alone is over the limit.
  llvm::Error store(llvm::StringRef key, llvm::ArrayRef<char> packed, ThreadPool &pool) const;

  /// Where the entry for `key` lies.
  std::string pathOf(llvm::StringRef key) const;

private:
  CacheDirectory directory;
};

} // namespace fovea

#endif // FOVEA_RUNTIME_WEIGHTCACHE_H
