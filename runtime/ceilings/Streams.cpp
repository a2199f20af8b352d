#include "runtime/ceilings/Streams.h"

using namespace fovea;

extern const StreamLoops genericStreamLoops;

#if defined(__x86_64__)
extern const StreamLoops avx2StreamLoops, avx512StreamLoops;

const StreamLoops *fovea::findStreamLoops(int64_t vectorBits) {
  if (vectorBits == 512 && __builtin_cpu_supports("avx512f"))
    return &avx512StreamLoops;
  if (vectorBits == 256 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return &avx2StreamLoops;
  return vectorBits == 128 ? &genericStreamLoops : nullptr;
}
#else
const StreamLoops *fovea::findStreamLoops(int64_t vectorBits) {
  return vectorBits == 128 ? &genericStreamLoops : nullptr;
}
#endif
