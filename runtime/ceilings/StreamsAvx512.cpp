// The loops for vectors of 512 bits; compiled for that instruction set by CMakeLists.txt.
static constexpr int vectorBytes = 64;
#include "runtime/ceilings/StreamLoops.inc"

extern const fovea::StreamLoops avx512StreamLoops = {runFmaChains, readFloats, copyFloats};
