// Runs the system's linker. All files but the result are temporary and removed.
#include "Link.h"
#include "ScratchDirectory.h"
#include "frontend/FileIO.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

using namespace fovea;
using namespace fovea::tool;
using llvm::StringRef;

namespace {
struct Linker {
  std::string path;
  /// What comes first on its command line.
  llvm::SmallVector<StringRef> options = {};
  /// True for a compiler driver, which knows where the system's libraries are.
  bool isDriver;
};
} // namespace

/// $CC: a program, or as make reads it, a program and its options.
static llvm::Expected<Linker> findChosen(StringRef chosen) {
  Linker linker;
  linker.isDriver = true;
  if (auto whole = llvm::sys::findProgramByName(chosen)) { // of a name with spaces
    linker.path = *whole;
    return linker;
  }
  chosen.split(linker.options, ' ', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  auto path = llvm::sys::findProgramByName(linker.options.front());
  if (!path)
    return llvm::createStringError("CC: expected a compiler to link with, got '" + chosen +
                                   "': " + path.getError().message());
  linker.path = *path;
  linker.options.erase(linker.options.begin());
  return linker;
}

static llvm::Expected<Linker> findLinker() {
  if (const char *chosen = std::getenv("CC"); chosen && !StringRef(chosen).trim(' ').empty())
    return findChosen(chosen);
  for (StringRef name : {"cc", "clang-22", "clang", "gcc"})
    if (auto path = llvm::sys::findProgramByName(name))
      return Linker{*path, {}, true};
  for (StringRef name : {"ld.lld-22", "ld.lld", "ld"})
    if (auto path = llvm::sys::findProgramByName(name))
      return Linker{*path, {}, false};
  return llvm::createStringError("no linker found: install gcc or clang, or set CC; or use "
                                 "--emit=obj and link the object yourself");
}

static llvm::Error runLinker(const Linker &linker, StringRef objectPath, StringRef resultPath,
                             StringRef logPath) {
  llvm::SmallVector<StringRef> arguments = {linker.path};
  llvm::append_range(arguments, linker.options);
  llvm::append_range(arguments,
                     std::initializer_list<StringRef>{"-shared", "-o", resultPath, objectPath});
  if (linker.isDriver)
    arguments.push_back("-lm");
  std::optional<StringRef> redirects[] = {StringRef(), logPath, logPath};
  std::string message;
  int status =
      llvm::sys::ExecuteAndWait(linker.path, arguments, std::nullopt, redirects, 0, 0, &message);
  if (status == 0)
    return llvm::sys::fs::exists(resultPath)
               ? llvm::Error::success()
               : llvm::createStringError(linker.path + ": expected a linker, but it wrote no file");
  if (auto said = llvm::MemoryBuffer::getFile(logPath))
    message += (*said)->getBuffer().rtrim();
  return llvm::createStringError(linker.path + " failed" +
                                 (status > 0 ? " with status " + llvm::Twine(status) : "") + ": " +
                                 message);
}

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> tool::linkSharedLibrary(StringRef object) {
  llvm::Expected<Linker> linker = findLinker();
  if (!linker)
    return linker.takeError();
  auto scratch = ScratchDirectory::create();
  if (!scratch)
    return scratch.takeError();
  std::string objectPath = (*scratch)->file("code.o"), libraryPath = (*scratch)->file("code.so");
  auto writeObject = [&](llvm::raw_ostream &os) {
    os << object;
    return llvm::Error::success();
  };
  if (llvm::Error error = writeFile(objectPath, writeObject))
    return std::move(error);
  if (llvm::Error error = runLinker(*linker, objectPath, libraryPath, (*scratch)->file("log")))
    return std::move(error);
  return readFile(libraryPath);
}
