// The loops for vectors of 256 bits; compiled for that instruction set by CMakeLists.txt.
static constexpr int vectorBytes = 32;
#include "runtime/ceilings/StreamLoops.inc"

extern const fovea::StreamLoops avx2StreamLoops = {runFmaChains, readFloats, copyFloats};
