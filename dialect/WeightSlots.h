// Which tensors of the weight files the ops of one name stand for: one a slot of the context's
// table, numbered row by row over the counts of their indices. Where indices take some numbers
// only, no tensors of the others need to exist: their slots hold what one that is reached holds, so
// that code that is moved in front of a choice reads memory that is there.
#ifndef FOVEA_DIALECT_WEIGHTSLOTS_H
#define FOVEA_DIALECT_WEIGHTSLOTS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace fovea::attn {

/// The name, counts and spans of an attn.weight, which must pass its verifier.
struct WeightSlots {
  llvm::StringRef name;
  llvm::ArrayRef<int64_t> counts;
  /// In order, an index by its position and the begin and end of numbers that it takes. An index
  /// that has none takes all below its count.
  llvm::ArrayRef<int64_t> spans = {};

  /// The most slots of one name.
  static constexpr int64_t maxSlots = int64_t(1) << 31;

  /// How many there are; nothing if a count is below 1 or they are more than maxSlots.
  static std::optional<int64_t> checkedSize(llvm::ArrayRef<int64_t> counts);

  /// Whether they are in order, within the counts and apart.
  static bool areSpans(llvm::ArrayRef<int64_t> spans, llvm::ArrayRef<int64_t> counts);

  int64_t size() const;
  /// How many the indices choose.
  int64_t reachedSize() const;
  /// The slot itself if indices choose it, else one that they do.
  int64_t standIn(int64_t slot) const;
  bool isReached(int64_t slot) const { return standIn(slot) == slot; }
  /// The spans of what either reaches, within the larger of both counts.
  llvm::SmallVector<int64_t, 0> spansWith(const WeightSlots &other) const;
  /// The first dims of a tensor of the files, which indices without a {} in the name choose from.
  llvm::ArrayRef<int64_t> stackDims() const { return counts.drop_front(name.count("{}")); }
  /// Slots that one tensor of the files holds.
  int64_t stackSize() const;
  /// Of the tensor that holds the slot.
  std::string nameOf(int64_t slot) const;
  /// Sizes of a tensor of the files, of those of what a slot holds.
  llvm::SmallVector<int64_t, 4> storedSizes(llvm::ArrayRef<int64_t> sizes) const;
};

} // namespace fovea::attn

#endif // FOVEA_DIALECT_WEIGHTSLOTS_H
