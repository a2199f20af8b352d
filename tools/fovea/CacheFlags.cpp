#include "CacheFlags.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

using namespace fovea;
using namespace fovea::tool;

void CacheFlags::declare(CommandLine &line) {
  line.text("--cache-dir", "DIR",
            "where compiled code is kept; by default fovea in XDG_CACHE_HOME or ~/.cache",
            directory);
  line.flag("--no-cache", "neither use nor keep compiled code", isOff);
  line.flag("--cache-weights", "use and keep packed weights there as well", keepsWeights);
}

llvm::Error CacheFlags::check() const {
  if (keepsWeights && path().empty())
    return usageError("--cache-weights needs a place: " +
                      llvm::StringRef(isOff ? "there is none with --no-cache"
                                            : "give one with --cache-dir, there is no home"));
  return llvm::Error::success();
}

std::string CacheFlags::path() const {
  if (isOff)
    return "";
  if (!directory.empty())
    return directory;
  // As the XDG Base Directory Specification has it, a relative path does not count.
  llvm::SmallString<128> path;
  if (auto base = llvm::sys::Process::GetEnv("XDG_CACHE_HOME");
      base && llvm::sys::path::is_absolute(*base))
    path = *base;
  else if (llvm::sys::path::home_directory(path))
    llvm::sys::path::append(path, ".cache");
  else
    return "";
  llvm::sys::path::append(path, "fovea");
  return path.str().str();
}

void tool::printCacheWarnings(const Executable &executable) {
  for (const Finding &finding : executable.report())
    if (finding.topic == "cache")
      llvm::errs() << "warning: " << finding.message << "\n";
}
