// The loops for vectors of 128 bits, which every 64-bit CPU has.
static constexpr int vectorBytes = 16;
#include "runtime/ceilings/StreamLoops.inc"

extern const fovea::StreamLoops genericStreamLoops = {runFmaChains, readFloats, copyFloats};
