#include "runtime/CacheDirectory.h"
#include "frontend/FileIO.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/xxhash.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace fovea;
namespace fs = llvm::sys::fs;
using llvm::StringRef;

std::string fovea::keyHash(StringRef key) {
  auto hash = llvm::SHA256::hash(llvm::arrayRefFromStringRef(key));
  return std::string(hash.begin(), hash.end());
}

std::string fovea::bytesOf(uint64_t value) {
  char bytes[8];
  llvm::support::endian::write64le(bytes, value);
  return std::string(bytes, sizeof(bytes));
}

std::string fovea::bytesOf(llvm::XXH128_hash_t checksum) {
  return bytesOf(checksum.low64) + bytesOf(checksum.high64);
}

std::string CacheDirectory::pathOf(StringRef key) const {
  llvm::SmallString<256> path(directory);
  llvm::sys::path::append(path, llvm::toHex(keyHash(key), /*LowerCase=*/true) + extension);
  return path.str().str();
}

/// An error if there is something else, or a directory that others can write to.
llvm::Error CacheDirectory::check() const {
  struct stat status;
  if (stat(directory.c_str(), &status) != 0) {
    std::error_code code = llvm::errnoAsErrorCode();
    return isPresent(directory)
               ? llvm::createStringError(directory + ": expected a directory: " + code.message())
               : llvm::Error::success();
  }
  if (!S_ISDIR(status.st_mode))
    return llvm::createStringError(directory + ": expected a directory, got a " +
                                   (S_ISREG(status.st_mode) ? "file" : "special file"));
  uid_t user = geteuid();
  if (status.st_uid != user)
    return llvm::createStringError(directory + ": expected a directory of user " +
                                   llvm::Twine(user) + ", got one of user " +
                                   llvm::Twine(status.st_uid));
  if (status.st_mode & (S_IWGRP | S_IWOTH))
    return llvm::createStringError("%s: expected a directory that its owner alone may write to, "
                                   "got one of mode %o",
                                   directory.c_str(), status.st_mode & 07777);
  return llvm::Error::success();
}

void CacheDirectory::use(const std::string &path) const {
  utimensat(AT_FDCWD, path.c_str(), /*times=*/nullptr, 0);
}

llvm::Error CacheDirectory::store(const std::string &path, FileContents write) const {
  // What is there already may not do.
  if (llvm::Error error = check())
    return error;
  // What is run from here is for its owner to write.
  if (std::error_code error =
          fs::create_directories(directory, /*IgnoreExisting=*/true, fs::perms::owner_all))
    return llvm::createStringError(directory + ": cannot make this directory: " + error.message());
  if (llvm::Error error = check())
    return error;
  // What is no file is written in place: a pipe would be waited for.
  fs::file_status there;
  if (!fs::status(path, there) && there.type() != fs::file_type::regular_file)
    return llvm::createStringError(path + ": expected a file or nothing there, got something else");
  llvm::Error error = writeFile(path, write);
  if (!error)
    evict(path);
  return error;
}

/// Removes what was not used for longest until the rest fits. Other processes may do so at the
/// same time, so that what is gone already is no error; unfinished files that nobody has
/// touched for an hour are nobody's.
void CacheDirectory::evict(StringRef newest) const {
  struct Entry {
    llvm::sys::TimePoint<> used;
    int64_t bytes;
    std::string path;
  };
  std::vector<Entry> entries;
  int64_t total = 0;
  auto now = std::chrono::system_clock::now();
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; it != end && !error; it.increment(error)) {
    auto status = it->status();
    StringRef path = it->path();
    StringRef name = llvm::sys::path::filename(path);
    bool isUnfinished = name.contains(extension + ".tmp-");
    if (!status || !fs::is_regular_file(*status) || !(isUnfinished || name.ends_with(extension)))
      continue;
    auto used = status->getLastModificationTime();
    if (isUnfinished) {
      if (now - used > std::chrono::hours(1))
        fs::remove(path);
      continue;
    }
    total += status->getSize();
    if (path != newest)
      entries.push_back({used, static_cast<int64_t>(status->getSize()), path.str()});
  }
  llvm::sort(entries, [](const Entry &a, const Entry &b) { return a.used < b.used; });
  for (const Entry &entry : entries) {
    if (total <= maxBytes)
      return;
    if (!fs::remove(entry.path))
      total -= entry.bytes;
  }
}
