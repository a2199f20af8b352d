#include "ScratchDirectory.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Path.h"
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <unistd.h>

using namespace fovea::tool;

static constexpr int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
static constexpr size_t maxFiles = 8;

// What a handler of signals may look at: no memory that it would have to allocate or lock.
static char directory[PATH_MAX], files[maxFiles][PATH_MAX];
static std::atomic<size_t> numFiles = 0;
static struct sigaction before[std::size(signals)];

static void removeAll() {
  // A linker may make its file anew in between.
  for (int attempt = 0; attempt < 3; ++attempt) {
    for (size_t n = 0; n < numFiles; ++n)
      unlink(files[n]);
    if (rmdir(directory) == 0)
      return;
  }
}

static void restoreHandlers() {
  for (size_t n = 0; n < std::size(signals); ++n)
    sigaction(signals[n], &before[n], nullptr);
}

/// Whoever handled the signal before does so when this returns.
static void removeAndRaise(int signal) {
  removeAll();
  restoreHandlers();
  raise(signal);
}

static void installHandlers() {
  struct sigaction action = {};
  action.sa_handler = removeAndRaise;
  sigfillset(&action.sa_mask);
  for (size_t n = 0; n < std::size(signals); ++n) {
    sigaction(signals[n], nullptr, &before[n]);
    if (before[n].sa_handler != SIG_IGN) // as nohup has it
      sigaction(signals[n], &action, nullptr);
  }
}

llvm::Expected<std::unique_ptr<ScratchDirectory>> ScratchDirectory::create() {
  llvm::SmallString<128> path;
  llvm::sys::path::system_temp_directory(/*ErasedOnReboot=*/true, path);
  llvm::sys::path::append(path, "fovea-XXXXXX");
  auto fail = [&](int code) {
    return llvm::createStringError("cannot make a temporary directory such as " + path + ": " +
                                   std::generic_category().message(code));
  };
  if (path.size() + NAME_MAX >= PATH_MAX)
    return fail(ENAMETOOLONG);
  std::strcpy(directory, path.c_str());
  numFiles = 0;
  installHandlers();
  std::unique_ptr<ScratchDirectory> made(new ScratchDirectory());
  if (!mkdtemp(directory))
    return fail(errno);
  return made;
}

ScratchDirectory::~ScratchDirectory() {
  removeAll();
  restoreHandlers();
}

std::string ScratchDirectory::file(llvm::StringRef name) {
  llvm::SmallString<128> path(llvm::StringRef{directory});
  llvm::sys::path::append(path, name);
  std::strcpy(files[numFiles], path.c_str());
  ++numFiles;
  return path.str().str();
}
