#include "frontend/FileIO.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Signals.h"
#include <atomic>
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
  return !fs::status(path, status, /*follow=*/false);
}

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> fovea::readFile(llvm::StringRef path) {
  if (llvm::Error error = checkName(path))
    return std::move(error);
  fs::file_status status;
  if (std::error_code code = fs::status(path, status))
    return fileError(path, "cannot read", code);
  // A device or a pipe may never end.
  if (!fs::is_regular_file(status))
    return llvm::createStringError(path + ": expected a regular file, got " +
                                   (fs::is_directory(status) ? "a directory" : "a special file"));
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
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

/// A new file beside `path`, open for writing.
static llvm::Expected<int> createTemporary(llvm::StringRef path, std::string &temporary) {
  for (unsigned attempt = 0;; ++attempt) {
    temporary = (path + ".tmp-" + llvm::Twine(llvm::sys::Process::getProcessId()) + "-" +
                 llvm::Twine(attempt))
                    .str();
    int descriptor;
    std::error_code code = fs::openFileForWrite(temporary, descriptor, fs::CD_CreateNew);
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

/// The file beside which the new one is made: a link keeps pointing to it.
static std::string behindLinks(llvm::StringRef path) {
  llvm::SmallString<128> target;
  return fs::real_path(path, target) ? path.str() : target.str().str();
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
  if (fs::status(path, place.status))
    return place; // a new file
  if (fs::is_directory(place.status))
    return llvm::createStringError(path + ": cannot write: it is a directory");
  place.isInPlace = mustWriteInPlace(place.status);
  if (!place.isInPlace)
    place.path = behindLinks(path);
  return place;
}

llvm::Expected<StagedFile> StagedFile::write(llvm::StringRef path, FileContents write) {
  llvm::Expected<Place> place = findPlace(path);
  if (!place)
    return place.takeError();
  StagedFile file(std::move(place->path));
  llvm::Expected<int> descriptor = place->isInPlace ? openInPlace(file.path, place->status)
                                                    : createTemporary(file.path, file.temporary);
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

llvm::Error fovea::checkWritable(llvm::StringRef path) {
  llvm::Expected<Place> place = findPlace(path);
  if (!place)
    return place.takeError();
  if (place->isInPlace) { // opening a pipe would wait for whoever reads it
    std::error_code code = fs::access(path, fs::AccessMode::Write);
    return code ? fileError(path, "cannot write", code) : llvm::Error::success();
  }
  std::string temporary;
  llvm::Expected<int> descriptor = createTemporary(place->path, temporary);
  if (!descriptor)
    return descriptor.takeError();
  close(*descriptor);
  removeTemporary(temporary);
  return llvm::Error::success();
}
