// A directory for files that nobody wants afterwards, such as those that the linker reads and
// writes. It goes with the object, and when a signal ends the program: then a linker that is still
// running finds no place to write to.
#ifndef FOVEA_TOOLS_FOVEA_SCRATCHDIRECTORY_H
#define FOVEA_TOOLS_FOVEA_SCRATCHDIRECTORY_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>

namespace fovea::tool {

class ScratchDirectory {
public:
  /// Makes one beneath TMPDIR. There is one at a time: the handlers of signals are the process's.
  static llvm::Expected<std::unique_ptr<ScratchDirectory>> create();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory &) = delete;

  /// Where the file of that name lies; there may be eight.
  std::string file(llvm::StringRef name);

private:
  ScratchDirectory() = default;
};

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_SCRATCHDIRECTORY_H
