// A directory of files that are made anew where they are missing. A file is named after the hash of
// what it was made from. It is written beside its place and renamed: several processes may use one
// directory. Files that were not used for longest go when there are too many.
#ifndef FOVEA_RUNTIME_CACHEDIRECTORY_H
#define FOVEA_RUNTIME_CACHEDIRECTORY_H

#include "frontend/FileIO.h"
#include <string>

namespace llvm {
struct XXH128_hash_t;
}

namespace fovea {

/// The 32 bytes that stand for a key, which may be any bytes, in the name of a file and within it.
std::string keyHash(llvm::StringRef key);

/// As files hold them: little-endian, 8 and 16 bytes.
std::string bytesOf(uint64_t value);
std::string bytesOf(llvm::XXH128_hash_t checksum);

/// Files of one kind, with an extension of their own.
class CacheDirectory {
public:
  /// The directory is made when it is first written to. Its files of that extension are kept to
  /// `maxBytes`.
  CacheDirectory(std::string directory, std::string extension, int64_t maxBytes)
      : directory(std::move(directory)), extension(std::move(extension)), maxBytes(maxBytes) {}

  /// Where the file for a key lies.
  std::string pathOf(llvm::StringRef key) const;

  /// An error if there is something else in its place, or a directory of another user or that
  /// others may write to: what lies there is neither read nor replaced.
  llvm::Error check() const;

  /// The time of a file's last change is that of its last use, which is now.
  void use(const std::string &path) const;

  /// Writes a file, and removes others if there are too many. An error says why it could not.
  llvm::Error store(const std::string &path, FileContents write) const;

  int64_t limit() const { return maxBytes; }

private:
  void evict(llvm::StringRef newest) const;

  std::string directory, extension;
  int64_t maxBytes;
};

} // namespace fovea

#endif // FOVEA_RUNTIME_CACHEDIRECTORY_H
