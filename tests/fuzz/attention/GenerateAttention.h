// Draws valid attention programs.
#ifndef FOVEA_TESTS_FUZZ_ATTENTION_GENERATEATTENTION_H
#define FOVEA_TESTS_FUZZ_ATTENTION_GENERATEATTENTION_H

#include "tests/fuzz/attention/AttentionProgram.h"

namespace fovea::fuzz {

/// The program of that seed: small enough for the reference executor, and mostly of sizes that no
/// tile divides.
AttentionProgram generateAttention(uint64_t seed);

} // namespace fovea::fuzz

#endif // FOVEA_TESTS_FUZZ_ATTENTION_GENERATEATTENTION_H
