// Blocks are projected by eliminating first the key and then the query from each conjunction
// (Fourier and Motzkin), which over the integers is exact where steps are 1.
#include "passes/mask/BlockProjection.h"

using namespace mlir;
using namespace fovea;
using Kind = MaskPredicate::Kind;

/// Predicates with more conjunctions than this are projected operand by operand.
static constexpr size_t maxCases = 64;

using Case = std::vector<MaskPredicate>; // atoms that hold together

//===----------------------------------------------------------------------===//
// Cases
//===----------------------------------------------------------------------===//

/// The disjunctive normal form; none if it is too large.
static std::optional<std::vector<Case>> findCases(const MaskPredicate &predicate) {
  std::vector<Case> cases;
  switch (predicate.getKind()) {
  case Kind::False:
    return cases;
  case Kind::True:
    cases.emplace_back();
    return cases;
  case Kind::Linear:
  case Kind::Opaque:
    cases.push_back({predicate});
    return cases;
  case Kind::And:
    cases.emplace_back();
    break;
  case Kind::Or:
    break;
  }
  for (const MaskPredicate &operand : predicate.getOperands()) {
    std::optional<std::vector<Case>> inner = findCases(operand);
    if (!inner)
      return std::nullopt;
    if (predicate.getKind() == Kind::Or) {
      llvm::append_range(cases, *inner);
    } else {
      std::vector<Case> product;
      for (const Case &left : cases)
        for (const Case &right : *inner) {
          Case both = left;
          llvm::append_range(both, right);
          if (!MaskPredicate::conjunction(both).isFalse())
            product.push_back(std::move(both));
        }
      cases = std::move(product);
    }
    if (cases.size() > maxCases)
      return std::nullopt;
  }
  return cases;
}

//===----------------------------------------------------------------------===//
// Atoms by bounds
//===----------------------------------------------------------------------===//

static SmallVector<IndexRange> rangesOf(const BlockContext &block) {
  SmallVector<IndexRange> ranges(block.data);
  ranges.push_back(
      {block.i, LinearForm::ofValue(block.firstQuery), LinearForm::ofValue(block.lastQuery)});
  ranges.push_back(
      {block.j, LinearForm::ofValue(block.firstKey), LinearForm::ofValue(block.lastKey)});
  return ranges;
}

/// Whether the form may reach 0 in the block. A remainder is bounded by that of its dividend's
/// bounds where these have one quotient.
static MaskPredicate reachesZero(const LinearForm &form, ArrayRef<IndexRange> ranges,
                                 const BlockContext &block) {
  std::optional<RemainderForm> split = splitRemainder(form, ranges);
  if (!split) {
    LinearForm largest = boundOver(form, ranges, /*lower=*/false);
    bool isKnown = largest.isValid() && !block.varies(largest);
    return isKnown ? MaskPredicate::atLeastZero(largest) : MaskPredicate::constant(true);
  }
  LinearForm low = boundOver(split->dividend, ranges, /*lower=*/true);
  LinearForm high = boundOver(split->dividend, ranges, /*lower=*/false);
  bool takeMax = split->factor > 0;
  LinearForm widest(takeMax ? split->divisor - 1 : 0);
  MaskPredicate wide = reachesZero(split->rest + widest * split->factor, ranges, block);
  if (block.varies(low) || block.varies(high))
    return wide;
  LinearForm quotients = LinearForm::floorDivision(low, split->divisor) -
                         LinearForm::floorDivision(high, split->divisor);
  MaskPredicate isOne = MaskPredicate::atLeastZero(quotients);
  LinearForm narrowest = split->remainderAt(takeMax ? high : low);
  MaskPredicate narrow = reachesZero(split->rest + narrowest * split->factor, ranges, block);
  return MaskPredicate::disjunction({MaskPredicate::conjunction({isOne, narrow}),
                                     MaskPredicate::conjunction({isOne.negation(), wide})});
}

/// Whether a boolean that depends on data may be true, or false, in the block.
static MaskPredicate mayHold(const MaskPredicate &atom, const BlockContext &block) {
  for (const IndexRange &range : block.data)
    if (range.index == atom.getValue())
      return MaskPredicate::atLeastZero(atom.isNegated() ? range.min * -1
                                                         : range.max - LinearForm(1));
  bool varies = dependsOn(atom.getValue(), {block.i, block.j}, *block.region);
  return varies ? MaskPredicate::constant(true) : atom;
}

//===----------------------------------------------------------------------===//
// Affine atoms by elimination
//===----------------------------------------------------------------------===//

namespace {
/// coefficient * x + rest >= 0 of the variable that is eliminated next.
struct Bound {
  int64_t coefficient;
  LinearForm rest;
};
} // namespace

/// Whether an i of the block satisfies all bounds.
static void eliminateQuery(std::vector<Bound> bounds, const BlockContext &block,
                           std::vector<MaskPredicate> &conditions) {
  bounds.push_back({1, LinearForm::ofValue(block.firstQuery) * -1});
  bounds.push_back({-1, LinearForm::ofValue(block.lastQuery)});
  for (Bound &bound : bounds) // i >= ceil(-rest / c), i <= floor(rest / c)
    if (int64_t step = std::abs(bound.coefficient); step > 1)
      bound = {bound.coefficient / step, LinearForm::floorDivision(bound.rest, step)};
  for (const Bound &lower : bounds) {
    if (lower.coefficient == 0)
      conditions.push_back(MaskPredicate::atLeastZero(lower.rest));
    for (const Bound &upper : bounds)
      if (lower.coefficient > 0 && upper.coefficient < 0)
        conditions.push_back(MaskPredicate::atLeastZero(lower.rest + upper.rest));
  }
}

/// Whether a pair (i, j) of the block satisfies all atoms.
static void eliminatePositions(std::vector<PositionForm> atoms, const BlockContext &block,
                               std::vector<MaskPredicate> &conditions) {
  atoms.push_back({0, 1, LinearForm::ofValue(block.firstKey) * -1});
  atoms.push_back({0, -1, LinearForm::ofValue(block.lastKey)});
  std::vector<Bound> bounds;
  for (const PositionForm &lower : atoms) {
    if (lower.jCoefficient == 0)
      bounds.push_back({lower.iCoefficient, lower.rest});
    for (const PositionForm &upper : atoms) {
      if (lower.jCoefficient <= 0 || upper.jCoefficient >= 0)
        continue;
      int64_t up = lower.jCoefficient, down = -upper.jCoefficient;
      bounds.push_back({down * lower.iCoefficient + up * upper.iCoefficient,
                        lower.rest * down + upper.rest * up});
    }
  }
  eliminateQuery(std::move(bounds), block, conditions);
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

/// Products of larger coefficients might overflow.
static bool isSmall(const PositionForm &form) {
  return std::max(std::abs(form.iCoefficient), std::abs(form.jCoefficient)) < int64_t(1) << 30;
}

static MaskPredicate projectCase(const Case &atoms, const BlockContext &block) {
  std::vector<MaskPredicate> conditions;
  std::vector<PositionForm> positions;
  SmallVector<IndexRange> ranges = rangesOf(block);
  for (const MaskPredicate &atom : atoms) {
    if (atom.getKind() == Kind::Opaque) {
      conditions.push_back(mayHold(atom, block));
      continue;
    }
    auto split = splitPositions(atom.getForm(), block.i, block.j, *block.region);
    if (split && isSmall(*split))
      positions.push_back(std::move(*split));
    else
      conditions.push_back(reachesZero(atom.getForm(), ranges, block));
  }
  if (!positions.empty())
    eliminatePositions(std::move(positions), block, conditions);
  return MaskPredicate::conjunction(std::move(conditions));
}

static MaskPredicate projectOperands(const MaskPredicate &predicate, const BlockContext &block) {
  if (predicate.getKind() != Kind::And && predicate.getKind() != Kind::Or)
    return projectCase({predicate}, block);
  std::vector<MaskPredicate> projected;
  for (const MaskPredicate &operand : predicate.getOperands())
    projected.push_back(projectOperands(operand, block));
  return predicate.getKind() == Kind::And ? MaskPredicate::conjunction(std::move(projected))
                                          : MaskPredicate::disjunction(std::move(projected));
}

/// Drops what holds of every block: that its first positions are not behind its last ones.
static MaskPredicate assumeOrder(MaskPredicate predicate, const BlockContext &block) {
  std::vector<MaskPredicate> facts;
  for (auto [first, last] :
       {std::pair(block.firstQuery, block.lastQuery), std::pair(block.firstKey, block.lastKey)})
    facts.push_back(
        MaskPredicate::atLeastZero(LinearForm::ofValue(last) - LinearForm::ofValue(first)));
  std::vector<MaskPredicate> all = facts;
  all.push_back(std::move(predicate));
  MaskPredicate together = MaskPredicate::conjunction(std::move(all));
  if (together.getKind() != Kind::And)
    return together;
  std::vector<MaskPredicate> rest;
  for (const MaskPredicate &operand : together.getOperands())
    if (!llvm::is_contained(facts, operand))
      rest.push_back(operand);
  return MaskPredicate::conjunction(std::move(rest));
}

MaskPredicate fovea::projectSome(const MaskPredicate &predicate, const BlockContext &block) {
  std::vector<MaskPredicate> projected;
  if (std::optional<std::vector<Case>> cases = findCases(predicate))
    for (const Case &atoms : *cases)
      projected.push_back(assumeOrder(projectCase(atoms, block), block));
  else
    projected.push_back(projectOperands(predicate, block));
  MaskPredicate some = MaskPredicate::disjunction(std::move(projected));
  return assumeOrder(some.simplified({}, {}), block);
}
