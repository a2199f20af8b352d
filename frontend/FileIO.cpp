#include "frontend/FileIO.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Process.h"
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

static llvm::Error writeTo(int descriptor, llvm::StringRef path,
                           llvm::function_ref<llvm::Error(llvm::raw_ostream &)> write) {
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

/// A new file beside `path`, open for writing.
static llvm::Expected<int> createTemporary(llvm::StringRef path, std::string &temporary) {
  for (unsigned attempt = 0;; ++attempt) {
    temporary = (path + ".tmp-" + llvm::Twine(llvm::sys::Process::getProcessId()) + "-" +
                 llvm::Twine(attempt))
                    .str();
    int descriptor;
    std::error_code code = fs::openFileForWrite(temporary, descriptor, fs::CD_CreateNew);
    if (!code)
      return descriptor;
    if (code != std::errc::file_exists || attempt == 1000)
      return fileError(path, "cannot write", code);
  }
}

/// The file beside which the new one is made: a link keeps pointing to it.
static std::string behindLinks(llvm::StringRef path) {
  llvm::SmallString<128> target;
  return fs::real_path(path, target) ? path.str() : target.str().str();
}

static llvm::Error replaceFile(llvm::StringRef path,
                               llvm::function_ref<llvm::Error(llvm::raw_ostream &)> write) {
  std::string temporary;
  llvm::Expected<int> descriptor = createTemporary(path, temporary);
  if (!descriptor)
    return descriptor.takeError();
  llvm::Error error = writeTo(*descriptor, path, write);
  if (!error)
    if (std::error_code code = fs::rename(temporary, path))
      error = fileError(path, "cannot write", code);
  if (error)
    fs::remove(temporary);
  return error;
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

llvm::Error fovea::writeFile(llvm::StringRef path,
                             llvm::function_ref<llvm::Error(llvm::raw_ostream &)> write) {
  if (llvm::Error error = checkName(path))
    return error;
  fs::file_status status;
  bool exists = !fs::status(path, status);
  if (!exists)
    return replaceFile(path, write);
  if (fs::is_directory(status))
    return llvm::createStringError(path + ": cannot write: it is a directory");
  if (fs::is_regular_file(status) && !findStream(status))
    return replaceFile(behindLinks(path), write);
  llvm::Expected<int> descriptor = openInPlace(path, status);
  return descriptor ? writeTo(*descriptor, path, write) : descriptor.takeError();
}
