// The keys that a block of queries sees, as one range: each comparison is solved for the key and
// its bound is bounded over the block's queries.
#include "passes/mask/BlockProjection.h"

using namespace mlir;
using namespace fovea;
using Kind = MaskPredicate::Kind;

namespace {
/// j >= bound, or j < bound.
struct KeyBound {
  bool isLower;
  LinearForm bound; // of i and values that do not vary
};

enum class Extent { Seen, Shared };
} // namespace

/// Solves `form >= 0` for j where j occurs once, alone or inside of floor divisions.
static std::optional<KeyBound> solveForKey(const LinearForm &form, const BlockContext &block) {
  SmallVector<LinearForm::Term> terms;
  for (const LinearForm::Term &term : form.getTerms())
    if (dependsOn(LinearForm::ofTerm(term, 1), block.j, *block.region))
      terms.push_back(term);
  if (terms.empty() || terms.size() > 2 || !form.isValid())
    return std::nullopt;
  const LinearForm::Term &term = terms.back(); // divisions come last
  LinearForm rest = form - LinearForm::ofTerm(term, term.coefficient);
  LinearForm dividend = term.dividend ? absorbInto(term, rest) : LinearForm();
  if (dependsOn(rest, block.j, *block.region))
    return std::nullopt;
  // term >= -floor(rest / c) for c > 0, term <= floor(rest / -c) for c < 0
  bool isLower = term.coefficient > 0;
  LinearForm quotient = LinearForm::floorDivision(rest, std::abs(term.coefficient));
  LinearForm limit = isLower ? quotient * -1 : quotient;
  if (!term.dividend) {
    if (term.value != block.j)
      return std::nullopt;
    return KeyBound{isLower, isLower ? limit : limit + LinearForm(1)};
  }
  // floor(D / W) >= x if D >= W x, floor(D / W) <= x if D <= W x + W - 1
  limit = limit * term.divisor;
  if (isLower)
    return solveForKey(dividend - limit, block);
  return solveForKey(limit + LinearForm(term.divisor - 1) - dividend, block);
}

static KeyInterval projectAtom(const MaskPredicate &atom, const BlockContext &block,
                               Extent extent) {
  bool seen = extent == Extent::Seen;
  KeyInterval unknown = seen ? KeyInterval::all() : KeyInterval::none();
  bool isOpaque = atom.getKind() == Kind::Opaque;
  if (isOpaque ? !dependsOn(atom.getValue(), block.j, *block.region)
               : !dependsOn(atom.getForm(), block.j, *block.region))
    return KeyInterval::where(seen ? projectSome(atom, block)
                                   : projectSome(atom.negation(), block).negation());
  std::optional<KeyBound> solved;
  if (!isOpaque)
    solved = solveForKey(atom.getForm(), block);
  if (!solved)
    return unknown;
  SmallVector<IndexRange> ranges(block.data);
  ranges.push_back(
      {block.i, LinearForm::ofValue(block.firstQuery), LinearForm::ofValue(block.lastQuery)});
  LinearForm bound = boundOver(solved->bound, ranges, /*lower=*/seen == solved->isLower);
  if (!bound.isValid() || block.varies(bound))
    return unknown;
  return solved->isLower ? KeyInterval::from(bound) : KeyInterval::below(bound);
}

static KeyInterval project(const MaskPredicate &predicate, const BlockContext &block,
                           Extent extent) {
  switch (predicate.getKind()) {
  case Kind::True:
    return KeyInterval::all();
  case Kind::False:
    return KeyInterval::none();
  case Kind::Linear:
  case Kind::Opaque:
    return projectAtom(predicate, block, extent);
  case Kind::And:
  case Kind::Or:
    break;
  }
  std::vector<KeyInterval> ranges;
  for (const MaskPredicate &operand : predicate.getOperands())
    ranges.push_back(project(operand, block, extent));
  if (predicate.getKind() == Kind::And)
    return KeyInterval::intersection(std::move(ranges));
  // The union of ranges need not be one.
  return extent == Extent::Seen ? KeyInterval::hull(std::move(ranges))
                                : KeyInterval::longest(std::move(ranges));
}

KeyInterval fovea::projectSeen(const MaskPredicate &predicate, const BlockContext &block) {
  return project(predicate, block, Extent::Seen);
}

KeyInterval fovea::projectShared(const MaskPredicate &predicate, const BlockContext &block) {
  return project(predicate, block, Extent::Shared);
}

//===----------------------------------------------------------------------===//
// Gaps
//===----------------------------------------------------------------------===//

namespace {
/// Whether a predicate's keys are one range, and on which sides it ends.
struct Shape {
  bool isOneRange = true, endsBelow = false, endsAbove = false;
};
} // namespace

static Shape shapeOf(const MaskPredicate &predicate, const BlockContext &block) {
  Shape shape;
  if (predicate.getKind() == Kind::Opaque)
    shape.isOneRange = !dependsOn(predicate.getValue(), block.j, *block.region);
  if (predicate.getKind() == Kind::Linear &&
      dependsOn(predicate.getForm(), block.j, *block.region)) {
    std::optional<KeyBound> solved = solveForKey(predicate.getForm(), block);
    shape = {solved.has_value(), solved && solved->isLower, solved && !solved->isLower};
  }
  for (const MaskPredicate &operand : predicate.getOperands()) {
    Shape inner = shapeOf(operand, block);
    shape.isOneRange &= inner.isOneRange;
    shape.endsBelow |= inner.endsBelow;
    shape.endsAbove |= inner.endsAbove;
  }
  // Ranges that all begin with the first key, or all end with the last, unite to a range.
  if (predicate.getKind() == Kind::Or && shape.endsBelow && shape.endsAbove)
    shape.isOneRange = false;
  return shape;
}

bool fovea::isOneRange(const MaskPredicate &predicate, const BlockContext &block) {
  return shapeOf(predicate, block).isOneRange;
}
