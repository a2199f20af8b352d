// Philox 4x32-10, the counter-based random generator of dropout and sampling (Salmon et al.,
// "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011). Label dropout_s1 of docs/dialect.md
// fixes how it is keyed: the key is the seed's low and high 32 bits, the counter is {low 32 bits
// of the element's index, high 32 bits, 0, 0}, and the uniform number is the first output word
// without its low 8 bits, scaled by 2^-24, which f32 and f64 both hold exactly.
#ifndef FOVEA_DIALECT_PHILOX_H
#define FOVEA_DIALECT_PHILOX_H

#include <array>
#include <cstdint>

namespace fovea::philox {

inline constexpr int rounds = 10;
inline constexpr uint32_t multiplier0 = 0xD2511F53;
inline constexpr uint32_t multiplier1 = 0xCD9E8D57;
inline constexpr uint32_t keyStep0 = 0x9E3779B9;
inline constexpr uint32_t keyStep1 = 0xBB67AE85;
/// From the upper 24 bits of an output word to a number in [0, 1).
inline constexpr unsigned uniformShift = 8;
inline constexpr double uniformScale = 0x1p-24;

using Counter = std::array<uint32_t, 4>;
using Key = std::array<uint32_t, 2>;

/// The four output words of one block.
constexpr Counter block(Counter counter, Key key) {
  for (int round = 0; round < rounds; ++round) {
    uint64_t product0 = static_cast<uint64_t>(multiplier0) * counter[0];
    uint64_t product1 = static_cast<uint64_t>(multiplier1) * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<uint32_t>(product0)};
    key = {key[0] + keyStep0, key[1] + keyStep1};
  }
  return counter;
}

/// The uniform number in [0, 1) of element `index` under `seed` (dropout_s1).
constexpr double uniform(uint64_t seed, uint64_t index) {
  Counter words = block({static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), 0, 0},
                        {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  return (words[0] >> uniformShift) * uniformScale;
}

} // namespace fovea::philox

#endif // FOVEA_DIALECT_PHILOX_H
