// The loops behind the ceilings, compiled for the machine that the suite is built on.
#ifndef FOVEA_BENCH_PEAKS_STREAMS_H
#define FOVEA_BENCH_PEAKS_STREAMS_H

#include <cstdint>

namespace fovea::bench {

/// Runs independent chains of fused multiply-adds in registers of `vectorBits` bits (the widest if
/// the machine has none such), `steps` long each, and returns the number of floating-point
/// operations.
int64_t runFmaChains(int64_t steps, int64_t vectorBits);

/// Reads `count` floats, a multiple of streamGranule, and returns their sum.
float readFloats(const float *data, int64_t count);

/// Copies `count` floats, a multiple of streamGranule and aligned to 64 bytes, past the caches.
void copyFloats(float *to, const float *from, int64_t count);

inline constexpr int64_t streamGranule = 1024;

} // namespace fovea::bench

#endif // FOVEA_BENCH_PEAKS_STREAMS_H
