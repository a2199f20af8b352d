// Draws valid programs.
#ifndef FOVEA_TESTS_FUZZ_GENERATE_H
#define FOVEA_TESTS_FUZZ_GENERATE_H

#include "tests/fuzz/Program.h"

namespace fovea::fuzz {

/// The program of that seed: small enough for the reference executor, and mostly of sizes that no
/// tile divides.
Program generate(uint64_t seed);

} // namespace fovea::fuzz

#endif // FOVEA_TESTS_FUZZ_GENERATE_H
