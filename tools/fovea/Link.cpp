// Runs the system's linker. All files but the result are temporary and removed.
#include "Link.h"
#include "ScratchDirectory.h"
#include "frontend/FileIO.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

using namespace fovea;
using namespace fovea::tool;
using llvm::StringRef;

namespace {
struct Linker {
  std::string path;
  /// True for a compiler driver, which knows where the system's libraries are.
  bool isDriver;
};
} // namespace

static llvm::Expected<Linker> findLinker() {
  llvm::SmallVector<StringRef> drivers = {"cc", "clang-22", "clang", "gcc"};
  if (const char *chosen = std::getenv("CC"); chosen && *chosen)
    drivers.insert(drivers.begin(), chosen);
  for (StringRef name : drivers)
    if (auto path = llvm::sys::findProgramByName(name))
      return Linker{*path, true};
  for (StringRef name : {"ld.lld-22", "ld.lld", "ld"})
    if (auto path = llvm::sys::findProgramByName(name))
      return Linker{*path, false};
  return llvm::createStringError("no linker found: install gcc or clang, or set CC; or use "
                                 "--emit=obj and link the object yourself");
}

static llvm::Error runLinker(const Linker &linker, StringRef objectPath, StringRef resultPath,
                             StringRef logPath) {
  llvm::SmallVector<StringRef> arguments = {linker.path, "-shared", "-o", resultPath, objectPath};
  if (linker.isDriver)
    arguments.push_back("-lm");
  std::optional<StringRef> redirects[] = {StringRef(), logPath, logPath};
  std::string message;
  int status =
      llvm::sys::ExecuteAndWait(linker.path, arguments, std::nullopt, redirects, 0, 0, &message);
  if (status == 0)
    return llvm::Error::success();
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
