// The loops behind the ceilings, for vectors of each width: compiled once for each instruction set,
// whatever machine builds them, and chosen by what the machine has that runs them.
#ifndef FOVEA_RUNTIME_CEILINGS_STREAMS_H
#define FOVEA_RUNTIME_CEILINGS_STREAMS_H

#include <cstdint>

namespace fovea {

struct StreamLoops {
  /// Runs independent chains of multiply-adds in registers, `steps` long each, and returns the
  /// number of floating-point operations.
  int64_t (*runFmaChains)(int64_t steps);

  /// Reads `count` floats, a multiple of streamGranule and aligned to 64 bytes, and returns their
  /// sum.
  float (*readFloats)(const float *data, int64_t count);

  /// Copies `count` floats, a multiple of streamGranule and aligned to 64 bytes, past the caches.
  void (*copyFloats)(float *to, const float *from, int64_t count);
};

inline constexpr int64_t streamGranule = 1024;

/// The loops for vectors of so many bits, or null if this machine has none such.
const StreamLoops *findStreamLoops(int64_t vectorBits);

} // namespace fovea

#endif // FOVEA_RUNTIME_CEILINGS_STREAMS_H
