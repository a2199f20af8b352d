#include "frontend/FileIO.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Process.h"

using namespace fovea;
namespace fs = llvm::sys::fs;

static llvm::Error fileError(llvm::StringRef path, const llvm::Twine &what, std::error_code code) {
  return llvm::createStringError(path + ": " + what + ": " + code.message());
}

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> fovea::readFile(llvm::StringRef path) {
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

llvm::Error fovea::writeFile(llvm::StringRef path,
                             llvm::function_ref<llvm::Error(llvm::raw_ostream &)> write) {
  fs::file_status status;
  bool exists = !fs::status(path, status);
  if (exists && fs::is_directory(status))
    return llvm::createStringError(path + ": cannot write: it is a directory");
  if (exists && !fs::is_regular_file(status)) {
    int descriptor;
    if (std::error_code code = fs::openFileForWrite(path, descriptor, fs::CD_OpenExisting))
      return fileError(path, "cannot write", code);
    return writeTo(descriptor, path, write);
  }
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
