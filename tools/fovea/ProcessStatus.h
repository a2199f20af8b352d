// What the system says of this process.
#ifndef FOVEA_TOOLS_FOVEA_PROCESSSTATUS_H
#define FOVEA_TOOLS_FOVEA_PROCESSSTATUS_H

#include <cstdint>
#include <optional>
#include <string>

namespace fovea::tool {

/// The number of that name in /proc/self/status, as proc(5) has them; nothing where the system does
/// not say.
std::optional<int64_t> processStatus(const std::string &name);

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_PROCESSSTATUS_H
