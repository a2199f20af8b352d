// Index expressions of masks: trees of minima, maxima and choices over linear forms, and arithmetic
// on them. A comparison with such a tree is an and, an or, or both, of comparisons with its leaves,
// which is how |i - j| <= w turns into two linear bounds.
#ifndef FOVEA_PASSES_MASK_INDEXEXPR_H
#define FOVEA_PASSES_MASK_INDEXEXPR_H

#include "passes/mask/MaskPredicate.h"

namespace fovea {

/// A linear form, or a minimum, maximum or choice of two expressions.
struct IndexExpr {
  enum class Kind { Linear, Min, Max, Choice };
  Kind kind = Kind::Linear;
  LinearForm form;
  MaskPredicate condition; ///< of a choice: operands[0] where true, operands[1] elsewhere
  std::vector<IndexExpr> operands;

  IndexExpr(LinearForm form) : form(std::move(form)) {}
  IndexExpr(Kind kind, IndexExpr a, IndexExpr b) : kind(kind), operands{a, b} {}

  size_t countLeaves() const;
  /// The number that a linear form without terms is.
  std::optional<int64_t> getConstant() const;
  /// False for trees and numbers so large that what is made of them might grow without bound or
  /// overflow: they stay opaque.
  bool isUsable() const;
};

/// Coefficients above this stay opaque, so that negating and comparing forms cannot overflow.
inline constexpr int64_t maxMagnitude = int64_t(1) << 60;

IndexExpr scale(const IndexExpr &expr, int64_t factor);
IndexExpr add(const IndexExpr &a, const IndexExpr &b);
IndexExpr subtract(const IndexExpr &a, const IndexExpr &b);
/// Rounded down; `divisor` above 0, as for remainders.
IndexExpr floorDivide(const IndexExpr &expr, int64_t divisor);
/// expr mod divisor, never negative.
IndexExpr remainder(const IndexExpr &expr, int64_t divisor);
/// expr >= 0.
MaskPredicate atLeastZero(const IndexExpr &expr);

} // namespace fovea

#endif // FOVEA_PASSES_MASK_INDEXEXPR_H
