// A hash table that finds the entries of a sequence by what is in them. It holds their indices
// alone, four bytes a slot: a vocabulary has a hundred thousand tokens.
#ifndef FOVEA_FRONTEND_TOKENIZER_INDEXTABLE_H
#define FOVEA_FRONTEND_TOKENIZER_INDEXTABLE_H

#include "llvm/Support/MathExtras.h"
#include <cstdint>
#include <optional>
#include <vector>

namespace fovea::tokenizer {

class IndexTable {
public:
  IndexTable() = default;
  /// With room for `count` entries.
  explicit IndexTable(uint32_t count) : slots(slotsFor(count), none) {}

  /// The index added with that hash for which `isWanted(index)` holds.
  template <typename Predicate>
  std::optional<uint32_t> find(uint64_t hash, Predicate isWanted) const {
    if (slots.empty())
      return std::nullopt;
    for (size_t at = begin(hash); slots[at] != none; at = next(at))
      if (isWanted(slots[at]))
        return slots[at];
    return std::nullopt;
  }

  /// Adds the next index of the sequence; `hashOf(index)` is the hash of that one or one before.
  template <typename Hash>
  void add(Hash hashOf) {
    if (slotsFor(count + 1) > slots.size()) {
      slots.assign(slotsFor(count + 1), none);
      for (uint32_t index = 0; index < count; ++index)
        place(index, hashOf(index));
    }
    place(count, hashOf(count));
    ++count;
  }

private:
  static constexpr uint32_t none = ~uint32_t(0);

  /// At most three quarters are taken.
  static size_t slotsFor(uint32_t count) { return llvm::PowerOf2Ceil(uint64_t(count) * 4 / 3 + 1); }

  /// Hashes may be small numbers: the upper bits of the product depend on all of theirs.
  size_t begin(uint64_t hash) const {
    return (hash * 0x9E3779B97F4A7C15u >> 32) & (slots.size() - 1);
  }
  size_t next(size_t at) const { return (at + 1) & (slots.size() - 1); }

  void place(uint32_t index, uint64_t hash) {
    size_t at = begin(hash);
    while (slots[at] != none)
      at = next(at);
    slots[at] = index;
  }

  std::vector<uint32_t> slots;
  uint32_t count = 0;
};

} // namespace fovea::tokenizer

#endif // FOVEA_FRONTEND_TOKENIZER_INDEXTABLE_H
