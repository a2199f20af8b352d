// Pages of the program's file in the memory of this process.
#ifndef FOVEA_TOOLS_FOVEA_PROGRAMPAGES_H
#define FOVEA_TOOLS_FOVEA_PROGRAMPAGES_H

namespace fovea::tool {

/// Takes the code and constants of the program and its libraries out of the memory of this process,
/// once a model is compiled: that has used tens of megabytes of them, packing its weights and
/// running it use few. The system has them in its cache of files, and gives those back that are
/// used again. Does nothing under a debugger, whose breakpoints are in private copies of such pages.
void releaseProgramPages();

/// The same, and lets the allocator keep little of what is freed from now on: loading a model,
/// which gives back what it took, is what much was kept for.
void releaseLoadingMemory();

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_PROGRAMPAGES_H
