// The normal form of predicates; ParseMask.cpp reads them from regions, EmitMask.cpp writes them.
#include "passes/mask/MaskPredicate.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace fovea;
using Kind = MaskPredicate::Kind;

//===----------------------------------------------------------------------===//
// Atoms
//===----------------------------------------------------------------------===//

MaskPredicate MaskPredicate::constant(bool value) {
  MaskPredicate predicate;
  predicate.kind = value ? Kind::True : Kind::False;
  return predicate;
}

MaskPredicate MaskPredicate::atLeastZero(const LinearForm &form) {
  if (form.isConstant())
    return constant(form.getConstant() >= 0);
  MaskPredicate predicate;
  predicate.kind = Kind::Linear;
  predicate.form = form.tightened();
  return predicate;
}

MaskPredicate MaskPredicate::opaque(Value value, bool negated) {
  MaskPredicate predicate;
  predicate.kind = Kind::Opaque;
  predicate.value = value;
  predicate.negated = negated;
  return predicate;
}

MaskPredicate MaskPredicate::negation() const {
  switch (kind) {
  case Kind::True:
  case Kind::False:
    return constant(kind == Kind::False);
  case Kind::Linear: // not (f >= 0)  <=>  -f - 1 >= 0
    return atLeastZero(form * -1 - LinearForm(1));
  case Kind::Opaque:
    return opaque(value, !negated);
  case Kind::And:
  case Kind::Or:
    break;
  }
  std::vector<MaskPredicate> negations;
  for (const MaskPredicate &operand : operands)
    negations.push_back(operand.negation());
  return kind == Kind::And ? disjunction(std::move(negations)) : conjunction(std::move(negations));
}

/// True if the linear part is written with its first coefficient positive: of `f >= 0` and its
/// mirror image `-f + c >= 0`, which share a linear part up to sign, the lower bound.
static bool isLowerBound(const LinearForm &form) {
  return form.getTerms().empty() || form.getTerms().front().coefficient > 0;
}

/// The linear part with its first coefficient positive.
static LinearForm signlessPart(const LinearForm &form) {
  LinearForm part = form.linearPart();
  return isLowerBound(form) ? part : part * -1;
}

int MaskPredicate::compare(const MaskPredicate &a, const MaskPredicate &b) {
  if (a.kind != b.kind)
    return a.kind < b.kind ? -1 : 1;
  switch (a.kind) {
  case Kind::True:
  case Kind::False:
    return 0;
  case Kind::Linear:
    if (int order = LinearForm::compare(signlessPart(a.form), signlessPart(b.form)))
      return order;
    if (isLowerBound(a.form) != isLowerBound(b.form))
      return isLowerBound(a.form) ? -1 : 1;
    return LinearForm::compare(a.form, b.form);
  case Kind::Opaque:
    if (int order = compareValues(a.value, b.value))
      return order;
    return static_cast<int>(a.negated) - static_cast<int>(b.negated);
  case Kind::And:
  case Kind::Or:
    break;
  }
  for (size_t i = 0; i < std::min(a.operands.size(), b.operands.size()); ++i)
    if (int order = compare(a.operands[i], b.operands[i]))
      return order;
  return static_cast<int>(a.operands.size()) - static_cast<int>(b.operands.size());
}

bool MaskPredicate::operator==(const MaskPredicate &other) const {
  return kind == other.kind && form == other.form && value == other.value &&
         negated == other.negated && operands == other.operands;
}

//===----------------------------------------------------------------------===//
// And, or
//===----------------------------------------------------------------------===//

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

//===----------------------------------------------------------------------===//
// Ranges, evaluation, printing
//===----------------------------------------------------------------------===//

/// Whether the form, over values that are at least 1 if in `positive`, is at least 0.
static bool isNeverNegative(const LinearForm &form, ArrayRef<Value> positive) {
  if (!form.isValid())
    return false;
  auto any = [](const LinearForm &) { return true; };
  if (std::optional<RemainderForm> split = splitRemainder(form, any)) { // it is in [0, divisor)
    LinearForm least(std::min<int64_t>(split->factor, 0));
    return isNeverNegative(split->rest + least * (split->divisor - 1), positive);
  }
  int64_t least = form.getConstant();
  for (const LinearForm::Term &term : form.getTerms())
    if (term.coefficient < 0 || !llvm::is_contained(positive, term.value) ||
        llvm::AddOverflow(least, term.coefficient, least))
      return false;
  return least >= 0;
}

MaskPredicate MaskPredicate::simplified(ArrayRef<IndexRange> ranges,
                                        ArrayRef<Value> positive) const {
  auto known = [&](const MaskPredicate &atom) -> std::optional<bool> {
    if (atom.kind != Kind::Linear)
      return std::nullopt;
    LinearForm negated = atom.form * -1 - LinearForm(1);
    if (isNeverNegative(boundOver(atom.form, ranges, /*lower=*/true), positive))
      return true;
    if (isNeverNegative(boundOver(negated, ranges, /*lower=*/true), positive))
      return false;
    return std::nullopt;
  };
  return decideAtoms(known).value_or(*this);
}

std::optional<bool>
MaskPredicate::evaluate(llvm::function_ref<std::optional<int64_t>(Value)> lookup) const {
  if (kind == Kind::True || kind == Kind::False)
    return kind == Kind::True;
  if (kind == Kind::Linear) {
    std::optional<int64_t> number = form.evaluate(lookup);
    return number ? std::optional<bool>(*number >= 0) : std::nullopt;
  }
  if (kind == Kind::Opaque) {
    std::optional<int64_t> number = lookup(value);
    return number ? std::optional<bool>((*number != 0) != negated) : std::nullopt;
  }
  bool decisive = kind == Kind::Or, unknown = false;
  for (const MaskPredicate &operand : operands) {
    std::optional<bool> truth = operand.evaluate(lookup);
    if (truth == decisive)
      return decisive;
    unknown |= !truth;
  }
  return unknown ? std::nullopt : std::optional<bool>(!decisive);
}

/// The number that the signless part of `form` is compared with: a bound, both inclusive.
static int64_t boundOf(const LinearForm &form) {
  return (isLowerBound(form) ? form * -1 : form).getConstant();
}

/// Whether a linear part is x mod n, which is never negative.
static bool isRemainder(const LinearForm &part) {
  auto split = splitRemainder(part, [](const LinearForm &) { return true; });
  return split && split->factor == 1 && split->rest == LinearForm(0);
}

/// "x >= n" or "x <= n"; of a remainder "== 0" and "!= 0" for what leaves nothing else.
static std::string printBound(const LinearForm &form, ValueNamer name) {
  LinearForm part = signlessPart(form);
  int64_t bound = boundOf(form);
  bool isLower = isLowerBound(form);
  if (bound == isLower && isRemainder(part))
    return part.str(name) + (isLower ? " != 0" : " == 0");
  return part.str(name) + (isLower ? " >= " : " <= ") + std::to_string(bound);
}

/// "x == n" for x >= n and x <= n, "x != n" for x >= n + 1 or x <= n - 1; none for other operands
/// of `kind`. Operands are sorted, so both are neighbours, the lower bound first.
static std::optional<std::string> printEquality(MaskPredicate::Kind kind, const MaskPredicate &low,
                                                const MaskPredicate &high, ValueNamer name) {
  using Kind = MaskPredicate::Kind;
  if (low.getKind() != Kind::Linear || high.getKind() != Kind::Linear ||
      !isLowerBound(low.getForm()))
    return std::nullopt;
  LinearForm sum = low.getForm() + high.getForm(); // x - n and n - x, each less 1 in an `or`
  if (!sum.isConstant() || sum.getConstant() != (kind == Kind::And ? 0 : -2))
    return std::nullopt;
  std::string part = signlessPart(low.getForm()).str(name);
  if (kind == Kind::And)
    return part + " == " + std::to_string(boundOf(low.getForm()));
  return part + " != " + std::to_string(boundOf(low.getForm()) - 1);
}

namespace {
/// A predicate as it is printed.
struct Printed {
  std::string text;
  bool isChain = false; // parts joined by `and` or `or`, which need parentheses inside of the other
};
} // namespace

static Printed print(const MaskPredicate &predicate, ValueNamer name);

/// The operands of an `and` or `or`, two that say that numbers are equal, or not, as one.
static Printed printChain(const MaskPredicate &predicate, ValueNamer name) {
  ArrayRef<MaskPredicate> operands = predicate.getOperands();
  SmallVector<std::string> parts;
  for (size_t i = 0; i < operands.size(); ++i) {
    std::optional<std::string> equality;
    if (i + 1 < operands.size())
      equality = printEquality(predicate.getKind(), operands[i], operands[i + 1], name);
    Printed part = equality ? Printed{*equality} : print(operands[i], name);
    parts.push_back(part.isChain ? "(" + part.text + ")" : part.text);
    i += equality.has_value();
  }
  return {llvm::join(parts, predicate.getKind() == Kind::And ? " and " : " or "), parts.size() > 1};
}

static Printed print(const MaskPredicate &predicate, ValueNamer name) {
  switch (predicate.getKind()) {
  case Kind::True:
    return {"true"};
  case Kind::False:
    return {"false"};
  case Kind::Opaque:
    return {(predicate.isNegated() ? "not " : "") + name(predicate.getValue())};
  case Kind::Linear:
    return {printBound(predicate.getForm(), name)};
  case Kind::And:
  case Kind::Or:
    break;
  }
  return printChain(predicate, name);
}

std::string MaskPredicate::str(ValueNamer name) const { return print(*this, name).text; }
