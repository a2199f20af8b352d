// How much memory this process takes at most.
#ifndef FOVEA_TOOLS_FOVEA_PEAKMEMORY_H
#define FOVEA_TOOLS_FOVEA_PEAKMEMORY_H

#include <cstdint>

namespace fovea::tool {

/// The most bytes that were resident, pages of files included, since the process began or since
/// `forgetPeakMemory`, where the system can forget.
int64_t peakMemory();
void forgetPeakMemory();

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_PEAKMEMORY_H
