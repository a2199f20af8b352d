// Predicates joined by `and` and `or`: operands are simplified by what the others say, and two that
// differ in one part alone become one.
#include "passes/mask/MaskPredicate.h"

using namespace mlir;
using namespace fovea;
using Kind = MaskPredicate::Kind;

static bool isAtom(const MaskPredicate &predicate) {
  return predicate.getKind() == Kind::Linear || predicate.getKind() == Kind::Opaque;
}

/// Whether atom `a` being true makes atom `b` true. Only atoms over one linear part imply each
/// other.
static bool implies(const MaskPredicate &a, const MaskPredicate &b) {
  if (a == b)
    return true;
  if (a.getKind() != Kind::Linear || b.getKind() != Kind::Linear)
    return false;
  LinearForm slack = b.getForm() - a.getForm();
  return slack.isConstant() && slack.getConstant() >= 0;
}

/// Whether one of two atoms, or its negation, may imply the other: both are over one linear part,
/// up to its sign, or one value. Quick: of a large mask most pairs are not.
static bool areRelated(const MaskPredicate &a, const MaskPredicate &b) {
  if (a.getKind() != b.getKind())
    return false;
  if (a.getKind() == Kind::Opaque)
    return a.getValue() == b.getValue();
  return llvm::equal(a.getForm().getTerms(), b.getForm().getTerms(),
                     [](const LinearForm::Term &x, const LinearForm::Term &y) {
                       return x.value == y.value && !x.dividend == !y.dividend;
                     });
}

/// What is known of `atom` where `fact` holds: true, false or nothing.
static std::optional<bool> decide(const MaskPredicate &atom, const MaskPredicate &fact) {
  if (!areRelated(atom, fact))
    return std::nullopt;
  if (implies(fact, atom))
    return true;
  if (implies(fact, atom.negation()))
    return false;
  return std::nullopt;
}

std::optional<MaskPredicate> MaskPredicate::decideAtoms(
    llvm::function_ref<std::optional<bool>(const MaskPredicate &)> known) const {
  if (isAtom(*this)) {
    std::optional<bool> truth = known(*this);
    return truth ? std::optional(constant(*truth)) : std::nullopt;
  }
  std::vector<MaskPredicate> decided;
  for (size_t i = 0; i < operands.size(); ++i) {
    std::optional<MaskPredicate> simpler = operands[i].decideAtoms(known);
    if (simpler && decided.empty())
      decided = operands;
    if (simpler)
      decided[i] = std::move(*simpler);
  }
  // What nothing is known of is in normal form already.
  return decided.empty() ? std::nullopt : std::optional(combine(kind, std::move(decided)));
}

MaskPredicate MaskPredicate::conjunction(std::vector<MaskPredicate> operands) {
  return combine(Kind::And, std::move(operands));
}

MaskPredicate MaskPredicate::disjunction(std::vector<MaskPredicate> operands) {
  return combine(Kind::Or, std::move(operands));
}

static void flattenInto(std::vector<MaskPredicate> &flat, Kind kind,
                        std::vector<MaskPredicate> operands) {
  for (MaskPredicate &operand : operands) {
    if (operand.getKind() == kind)
      llvm::append_range(flat, operand.getOperands());
    else
      flat.push_back(std::move(operand));
  }
}

bool MaskPredicate::simplifyBy(std::vector<MaskPredicate> &operands, size_t at,
                               const MaskPredicate &fact) {
  std::optional<MaskPredicate> simpler =
      operands[at].decideAtoms([&](const MaskPredicate &atom) { return decide(atom, fact); });
  if (simpler)
    operands[at] = std::move(*simpler);
  return simpler.has_value();
}

/// Among more operands no two are compared that may have a part in common.
static constexpr size_t maxPaired = 16;

/// What `(x and a) or (x and not a)` has left, x, and its dual; none if a and b are no such pair.
static std::optional<std::vector<MaskPredicate>> commonPart(const MaskPredicate &a,
                                                            const MaskPredicate &b, Kind inner) {
  auto parts = [&](const MaskPredicate &of) {
    return of.getKind() == inner ? ArrayRef(of.getOperands()) : ArrayRef(of);
  };
  ArrayRef<MaskPredicate> partsOfA = parts(a), partsOfB = parts(b);
  if (partsOfA.size() != partsOfB.size())
    return std::nullopt;
  SmallVector<const MaskPredicate *> common, other;
  for (const MaskPredicate &part : partsOfB)
    other.push_back(&part);
  const MaskPredicate *lone = nullptr;
  for (const MaskPredicate &part : partsOfA) {
    auto it = llvm::find_if(other, [&](const MaskPredicate *of) { return *of == part; });
    if (it != other.end()) {
      common.push_back(&part);
      other.erase(it);
    } else if (lone) {
      return std::nullopt;
    } else {
      lone = &part;
    }
  }
  if (!lone || !(lone->negation() == *other.front()))
    return std::nullopt;
  auto copies = llvm::make_pointee_range(common);
  return std::vector<MaskPredicate>(copies.begin(), copies.end());
}

MaskPredicate MaskPredicate::combine(Kind kind, std::vector<MaskPredicate> given) {
  Kind neutral = kind == Kind::And ? Kind::True : Kind::False;
  Kind absorbing = kind == Kind::And ? Kind::False : Kind::True;
  std::vector<MaskPredicate> flat;
  flattenInto(flat, kind, std::move(given));
  for (size_t by = 0; by < flat.size(); ++by) {
    if (!isAtom(flat[by]))
      continue;
    // True in all other operands of a conjunction; of a disjunction it may be taken as false.
    MaskPredicate fact = kind == Kind::And ? flat[by] : flat[by].negation();
    for (size_t at = 0; at < flat.size(); ++at)
      if (at != by && simplifyBy(flat, at, fact) && (flat[at].kind == kind || isAtom(flat[at]))) {
        // An operand became an atom or a nest of this kind, which may simplify others.
        return combine(kind, std::move(flat));
      }
  }

  MaskPredicate result;
  result.kind = kind;
  for (MaskPredicate &operand : flat) {
    if (operand.kind == absorbing)
      return operand;
    if (operand.kind != neutral)
      result.operands.push_back(std::move(operand));
  }
  llvm::sort(result.operands, [](auto &a, auto &b) { return compare(a, b) < 0; });
  result.operands.erase(llvm::unique(result.operands), result.operands.end());
  if (result.operands.empty())
    return constant(neutral == Kind::True);
  if (result.operands.size() == 1)
    return MaskPredicate(result.operands.front());
  if (result.operands.size() > maxPaired)
    return result;
  Kind inner = kind == Kind::And ? Kind::Or : Kind::And;
  for (size_t a = 0; a < result.operands.size(); ++a)
    for (size_t b = a + 1; b < result.operands.size(); ++b)
      if (auto common = commonPart(result.operands[a], result.operands[b], inner)) {
        result.operands[a] = combine(inner, std::move(*common));
        result.operands.erase(result.operands.begin() + b);
        return combine(kind, std::move(result.operands));
      }
  return result;
}
