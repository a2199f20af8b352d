// Whole files in and out. Reading maps large files into memory; writing leaves either the whole
// file or what was there before.
#ifndef FOVEA_FRONTEND_FILEIO_H
#define FOVEA_FRONTEND_FILEIO_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <memory>
#include <utility>

namespace fovea {

/// Whether there is anything at `path`, be it a link to nothing, or nobody may look: reading that
/// is an error that names it, where it would else count as missing.
bool isPresent(llvm::StringRef path);

/// The contents of a regular file. A large file is mapped unless `isCopied`, as it must be where it
/// may be cut off while it is read.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> readFile(llvm::StringRef path,
                                                             bool isCopied = false);

using FileContents = llvm::function_ref<llvm::Error(llvm::raw_ostream &)>;

/// A file that lies beside its place until `commit` moves it there, so that several files are
/// written or none; without that, nothing is left of it. What is no regular file is written in
/// place and at once, and so is the file that stdout or stderr goes to.
class StagedFile {
public:
  /// Writes what `write` prints. If anything fails, nothing is left. A file that was there keeps
  /// its permissions.
  static llvm::Expected<StagedFile> write(llvm::StringRef path, FileContents write);
  StagedFile(StagedFile &&other) noexcept
      : path(std::move(other.path)), temporary(std::exchange(other.temporary, "")) {}
  StagedFile &operator=(StagedFile &&) = delete;
  ~StagedFile();

  /// Takes the place of what was there; a link stays one.
  llvm::Error commit();

private:
  explicit StagedFile(std::string path, std::string temporary = "")
      : path(std::move(path)), temporary(std::move(temporary)) {}

  std::string path, temporary; // no temporary if it is written in place, or was committed
};

/// From now on a signal that ends the program takes along the files that are being written. For
/// programs, not libraries: it sets handlers of signals.
void removeUnfinishedFilesOnSignals();

/// One such file, whole or as it was.
llvm::Error writeFile(llvm::StringRef path, FileContents write);

/// Whether that is no regular file, or one that stdout or stderr goes to.
bool isWrittenInPlace(llvm::StringRef path);

/// Whether writing to both would leave one of them only, as "f" and "./f", or a link and its
/// target. Names of the same device count as one.
bool isOnePlace(llvm::StringRef a, llvm::StringRef b);

/// Fails as `writeFile` would before it writes, for callers whose contents take long to come by.
llvm::Error checkWritable(llvm::StringRef path);

} // namespace fovea

#endif // FOVEA_FRONTEND_FILEIO_H
