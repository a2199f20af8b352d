#include "Progress.h"
#include "ProgramPages.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

using namespace fovea;

std::function<void(double)> tool::packingProgress() {
  if (!llvm::sys::Process::StandardErrIsDisplayed())
    return nullptr;
  return [shown = -1](double part) mutable {
    int percent = static_cast<int>(100 * part);
    if (percent == shown)
      return;
    shown = percent;
    // The cursor waits at the front, so that an error message takes the place of this.
    llvm::errs() << "packing weights " << percent << " %\r";
    if (percent == 100)
      llvm::errs() << "\033[K"; // clears the line
  };
}

std::function<void(double)> tool::loadingProgress() {
  return [show = packingProgress()](double part) {
    if (part == 0)
      releaseProgramPages();
    if (show)
      show(part);
  };
}
