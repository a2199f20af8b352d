// Ranges of key positions in terms of the positions of a block of queries, as expressions that are
// emitted as loop bounds, evaluated on the host and printed.
#ifndef FOVEA_PASSES_MASK_KEYINTERVAL_H
#define FOVEA_PASSES_MASK_KEYINTERVAL_H

#include "passes/mask/MaskPredicate.h"
#include "passes/vector/EmitBuilder.h"

namespace fovea {

/// A set [lo, hi) of keys; empty if hi <= lo.
class KeyInterval {
public:
  static KeyInterval all() { return KeyInterval(Kind::All); }
  static KeyInterval none() { return KeyInterval(Kind::None); }
  static KeyInterval from(const LinearForm &bound) { return KeyInterval(Kind::From, bound); }
  static KeyInterval below(const LinearForm &bound) { return KeyInterval(Kind::Below, bound); }
  /// All keys if the condition holds, else none.
  static KeyInterval where(const MaskPredicate &condition);
  static KeyInterval intersection(std::vector<KeyInterval> ranges);
  /// The smallest range that holds all of `ranges`.
  static KeyInterval hull(std::vector<KeyInterval> ranges);
  /// The longest of `ranges`.
  static KeyInterval longest(std::vector<KeyInterval> ranges);

  struct Emitted {
    mlir::Value lo, hi;
  };
  /// Emits both ends, not clipped to the keys.
  Emitted emit(EmitBuilder &b, PredicateEmitter &forms, mlir::Value keys) const;

  struct Ends {
    int64_t lo, hi;
  };
  /// The ends among `keys` keys, not clipped; none where `lookup` has no number for a value.
  std::optional<Ends> evaluate(llvm::function_ref<std::optional<int64_t>(mlir::Value)> lookup,
                               int64_t keys) const;

  /// "[first - 64, last + 65)"; an end that no bound says is that of the keys, 0 or Lk.
  std::string str(ValueNamer name) const;

private:
  enum class Kind { All, None, From, Below, Where, Intersection, Hull, Longest };
  explicit KeyInterval(Kind kind, LinearForm bound = {}) : kind(kind), bound(std::move(bound)) {}
  static KeyInterval combine(Kind kind, Kind neutral, Kind absorbing,
                             std::vector<KeyInterval> ranges);
  std::pair<std::string, std::string> printEnds(ValueNamer name) const;

  Kind kind;
  LinearForm bound;
  MaskPredicate condition;
  std::vector<KeyInterval> operands;
};

} // namespace fovea

#endif // FOVEA_PASSES_MASK_KEYINTERVAL_H
