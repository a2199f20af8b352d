// What a terminal shows while a command takes its time.
#ifndef FOVEA_TOOLS_FOVEA_PROGRESS_H
#define FOVEA_TOOLS_FOVEA_PROGRESS_H

#include <functional>

namespace fovea::tool {

/// For CompileOptions::packingProgress: shows a percentage on stderr, and removes it at the end.
/// Empty if stderr is no terminal.
std::function<void(double)> packingProgress();

/// The same for a language model: before the first weight is packed, the pages of the program that
/// compiling used leave memory (ProgramPages.h).
std::function<void(double)> loadingProgress();

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_PROGRESS_H
