#include "frontend/FileIO.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Signals.h"
#include <atomic>
#include <climits>
#include <sys/stat.h>
#include <unistd.h>

using namespace fovea;
namespace fs = llvm::sys::fs;

static llvm::Error fileError(llvm::StringRef path, const llvm::Twine &what, std::error_code code) {
  return llvm::createStringError(path + ": " + what + ": " + code.message());
}

static llvm::Error checkName(llvm::StringRef path) {
  return path.empty() ? llvm::createStringError("expected the name of a file, got an empty one")
                      : llvm::Error::success();
}

bool fovea::isPresent(llvm::StringRef path) {
  fs::file_status status;
  std::error_code code = fs::status(path, status, /*follow=*/false);
  return code != std::errc::no_such_file_or_directory && code != std::errc::not_a_directory;
}

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> fovea::readFile(llvm::StringRef path,
                                                                    bool isCopied) {
  if (llvm::Error error = checkName(path))
    return std::move(error);
  fs::file_status status;
  if (std::error_code code = fs::status(path, status))
    return fileError(path, "cannot read", code);
  // A device or a pipe may never end.
  if (!fs::is_regular_file(status))
    return llvm::createStringError(path + ": expected a regular file, got " +
                                   (fs::is_directory(status) ? "a directory" : "a special file"));
  // Only what is volatile and ends with a zero is not mapped.
  auto file = llvm::MemoryBuffer::getFile(
      path, /*IsText=*/false, /*RequiresNullTerminator=*/isCopied, /*IsVolatile=*/isCopied);
  if (!file)
    return fileError(path, "cannot read", file.getError());
  return std::move(*file);
}

static llvm::Error writeTo(int descriptor, llvm::StringRef path, FileContents write) {
  llvm::raw_fd_ostream os(descriptor, /*shouldClose=*/true);
  llvm::Error error = write(os);
  os.close();
  // The stream aborts in its destructor over an error that nobody looked at.
  std::error_code code = os.error();
  os.clear_error();
  if (!error && code)
    return fileError(path, "cannot write", code);
  return error;
}

static std::atomic<bool> removesOnSignals = false;

void fovea::removeUnfinishedFilesOnSignals() { removesOnSignals = true; }

/// Modes of files: their owner alone may read and write them, or all.
static constexpr unsigned ownersAlone = 0600, ofAll = 0666;

/// What the name of a temporary file begins with; a name has at most 255 bytes.
static llvm::StringRef shortened(llvm::StringRef path) {
  constexpr size_t most = 200;
  size_t length = llvm::sys::path::filename(path).size();
  return length > most ? path.drop_back(length - most) : path;
}

/// A new file beside `path`, open for writing.
static llvm::Expected<int> createTemporary(llvm::StringRef path, unsigned mode,
                                           std::string &temporary) {
  for (unsigned attempt = 0;; ++attempt) {
    temporary = (shortened(path) + ".tmp-" + llvm::Twine(llvm::sys::Process::getProcessId()) + "-" +
                 llvm::Twine(attempt))
                    .str();
    int descriptor;
    std::error_code code =
        fs::openFileForWrite(temporary, descriptor, fs::CD_CreateNew, fs::OF_None, mode);
    if (!code) {
      if (removesOnSignals)
        llvm::sys::RemoveFileOnSignal(temporary);
      return descriptor;
    }
    if (code != std::errc::file_exists || attempt == 1000)
      return fileError(path, "cannot write", code);
  }
}

static void removeTemporary(llvm::StringRef path) {
  fs::remove(path);
  llvm::sys::DontRemoveFileOnSignal(path);
}

/// The file beside which the new one is made: a link keeps pointing to it, be it there or not.
static std::string behindLinks(llvm::StringRef path, bool exists) {
  llvm::SmallString<128> place;
  if (exists)
    return fs::real_path(path, place) ? path.str() : place.str().str();
  place = path;
  char buffer[PATH_MAX];
  for (ssize_t size; (size = readlink(place.c_str(), buffer, sizeof(buffer))) > 0;) {
    llvm::StringRef target(buffer, size);
    if (llvm::sys::path::is_relative(target))
      llvm::sys::path::remove_filename(place);
    else
      place.clear();
    llvm::sys::path::append(place, target);
  }
  return place.str().str();
}

/// The standard stream that goes to the file, if one does: /dev/stdout is a link to where the
/// output was redirected to, and replacing that would drop what is there and the link.
static std::optional<int> findStream(const fs::file_status &file) {
  for (int stream : {STDOUT_FILENO, STDERR_FILENO}) {
    fs::file_status status;
    if (!fs::status(stream, status) && status.getUniqueID() == file.getUniqueID())
      return stream;
  }
  return std::nullopt;
}

static llvm::Expected<int> openInPlace(llvm::StringRef path, const fs::file_status &status) {
  int descriptor;
  std::error_code code;
  if (std::optional<int> stream = findStream(status)) {
    llvm::outs().flush(); // what was printed before stands before
    descriptor = dup(*stream);
    code = descriptor < 0 ? llvm::errnoAsErrorCode() : std::error_code();
  } else {
    code = fs::openFileForWrite(path, descriptor, fs::CD_OpenExisting);
  }
  if (code)
    return fileError(path, "cannot write", code);
  return descriptor;
}

namespace {
struct Place {
  std::string path; // behind links
  bool isInPlace = false;
  fs::file_status status;
};
} // namespace

static bool mustWriteInPlace(const fs::file_status &file) {
  return !fs::is_directory(file) && (!fs::is_regular_file(file) || findStream(file));
}

static llvm::Expected<Place> findPlace(llvm::StringRef path) {
  if (llvm::Error error = checkName(path))
    return std::move(error);
  Place place;
  place.path = path.str();
  std::error_code code = fs::status(path, place.status);
  if (code && code != std::errc::no_such_file_or_directory)
    return fileError(path, "cannot write", code);
  if (fs::is_directory(place.status))
    return llvm::createStringError(path + ": cannot write: it is a directory");
  bool exists = fs::exists(place.status);
  place.isInPlace = exists && mustWriteInPlace(place.status);
  if (place.isInPlace)
    return place;
  place.path = behindLinks(path, exists);
  // Renaming over it would need no permission of the file, but replace one that is read-only.
  if (exists && (code = fs::access(path, fs::AccessMode::Write)))
    return fileError(path, "cannot write", code);
  return place;
}

/// A new file has the mode of the one whose place it will take, before anything is in it, and until
/// then that of its owner alone: nobody has it open who may not read it.
static llvm::Expected<int> createBeside(const Place &place, std::string &temporary) {
  bool replaces = fs::exists(place.status);
  llvm::Expected<int> descriptor =
      createTemporary(place.path, replaces ? ownersAlone : ofAll, temporary);
  if (!descriptor || !replaces)
    return descriptor;
  if (fchmod(*descriptor, place.status.permissions() & fs::all_all) == 0)
    return descriptor;
  std::error_code code = llvm::errnoAsErrorCode();
  close(*descriptor);
  return fileError(place.path, "cannot write a file of its permissions", code);
}

llvm::Expected<StagedFile> StagedFile::write(llvm::StringRef path, FileContents write) {
  llvm::Expected<Place> place = findPlace(path);
  if (!place)
    return place.takeError();
  StagedFile file(place->path);
  llvm::Expected<int> descriptor = place->isInPlace ? openInPlace(file.path, place->status)
                                                    : createBeside(*place, file.temporary);
  if (!descriptor)
    return descriptor.takeError();
  if (llvm::Error error = writeTo(*descriptor, file.path, write))
    return std::move(error);
  return file;
}

StagedFile::~StagedFile() {
  if (!temporary.empty())
    removeTemporary(temporary);
}

llvm::Error StagedFile::commit() {
  if (temporary.empty())
    return llvm::Error::success();
  if (std::error_code code = fs::rename(temporary, path))
    return fileError(path, "cannot write", code);
  llvm::sys::DontRemoveFileOnSignal(temporary);
  temporary.clear();
  return llvm::Error::success();
}

llvm::Error fovea::writeFile(llvm::StringRef path, FileContents write) {
  llvm::Expected<StagedFile> file = StagedFile::write(path, write);
  return file ? file->commit() : file.takeError();
}

bool fovea::isWrittenInPlace(llvm::StringRef path) {
  fs::file_status status;
  return !fs::status(path, status) && mustWriteInPlace(status);
}

/// The folder's identity and the name in it of a file that need not be there.
static std::optional<std::pair<fs::UniqueID, llvm::StringRef>> entryOf(const Place &place) {
  fs::UniqueID folder;
  llvm::StringRef parent = llvm::sys::path::parent_path(place.path);
  if (fs::getUniqueID(parent.empty() ? "." : parent, folder))
    return std::nullopt;
  return std::pair(folder, llvm::sys::path::filename(place.path));
}

bool fovea::isOnePlace(llvm::StringRef a, llvm::StringRef b) {
  llvm::Expected<Place> first = findPlace(a), second = findPlace(b);
  if (!first || !second) {
    llvm::consumeError(first.takeError());
    llvm::consumeError(second.takeError());
    return false; // whoever writes there says what is wrong
  }
  if (first->isInPlace || second->isInPlace)
    return first->isInPlace && second->isInPlace &&
           first->status.getUniqueID() == second->status.getUniqueID();
  auto firstEntry = entryOf(*first), secondEntry = entryOf(*second);
  return firstEntry && firstEntry == secondEntry;
}

llvm::Error fovea::checkWritable(llvm::StringRef path) {
  llvm::Expected<Place> place = findPlace(path);
  if (!place)
    return place.takeError();
  if (place->isInPlace) { // opening a pipe would wait for whoever reads it
    std::error_code code = fs::access(path, fs::AccessMode::Write);
    return code ? fileError(path, "cannot write", code) : llvm::Error::success();
  }
  std::string temporary;
  llvm::Expected<int> descriptor = createTemporary(place->path, ownersAlone, temporary);
  if (!descriptor)
    return descriptor.takeError();
  close(*descriptor);
  removeTemporary(temporary);
  return llvm::Error::success();
}
