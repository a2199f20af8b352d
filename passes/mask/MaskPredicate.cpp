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
