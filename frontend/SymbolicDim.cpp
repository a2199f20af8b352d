#include "frontend/SymbolicDim.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <numeric>
#include <tuple>

using namespace llvm;
using namespace fovea;

using Factor = SymbolicDim::Factor;
using Monomial = SymbolicDim::Monomial;

// These keep hostile arithmetic in a description from exhausting memory.
static constexpr size_t maxTerms = 256;
static constexpr size_t maxDegree = 32;
static constexpr size_t maxQuotientLength = 1024;

static Error makeError(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message);
}

bool SymbolicDim::FactorLess::operator()(const FactorPtr &a, const FactorPtr &b) const {
  bool aIsQuotient = a->dividend.has_value(), bIsQuotient = b->dividend.has_value();
  return std::tie(aIsQuotient, a->text) < std::tie(bIsQuotient, b->text);
}

// Graded lexicographic, largest first: the order of printing, and one that multiplication keeps,
// which polynomial division needs.
bool SymbolicDim::MonomialLess::operator()(const Monomial &a, const Monomial &b) const {
  if (a.size() != b.size())
    return a.size() > b.size();
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), FactorLess());
}

static bool sameMonomial(const Monomial &a, const Monomial &b) {
  SymbolicDim::MonomialLess less;
  return !less(a, b) && !less(b, a);
}

bool fovea::operator==(const SymbolicDim &a, const SymbolicDim &b) {
  return llvm::equal(a.polynomial, b.polynomial, [](const auto &x, const auto &y) {
    return x.second == y.second && sameMonomial(x.first, y.first);
  });
}

static Monomial multiply(const Monomial &a, const Monomial &b) {
  Monomial product(a.size() + b.size());
  std::merge(a.begin(), a.end(), b.begin(), b.end(), product.begin(), SymbolicDim::FactorLess());
  return product;
}

/// `a` without the factors of `b`, if it has them all.
static std::optional<Monomial> divide(const Monomial &a, const Monomial &b) {
  SymbolicDim::FactorLess less;
  if (!std::includes(a.begin(), a.end(), b.begin(), b.end(), less))
    return std::nullopt;
  Monomial quotient;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(quotient), less);
  return quotient;
}

SymbolicDim::SymbolicDim(int64_t value) {
  if (value != 0)
    polynomial.emplace(Monomial(), value);
}

SymbolicDim SymbolicDim::symbol(StringRef name) {
  Factor factor{name.str(), std::nullopt, std::nullopt};
  return SymbolicDim(Terms{{Monomial{std::make_shared<const Factor>(std::move(factor))}, 1}});
}

Expected<SymbolicDim> SymbolicDim::quotientFactor(const SymbolicDim &dividend,
                                                  const SymbolicDim &divisor) {
  auto parenthesised = [](const SymbolicDim &dim) {
    bool isAtom = dim.isConstant() || dim.symbolName();
    return isAtom ? dim.str() : "(" + dim.str() + ")";
  };
  std::string text = "(" + parenthesised(dividend) + "//" + parenthesised(divisor) + ")";
  if (text.size() > maxQuotientLength)
    return makeError("size expression has a division longer than " + Twine(maxQuotientLength) +
                     " characters");
  Factor factor{std::move(text), dividend, divisor};
  return SymbolicDim(Terms{{Monomial{std::make_shared<const Factor>(std::move(factor))}, 1}});
}

bool SymbolicDim::isConstant() const { return constant().has_value(); }

std::optional<int64_t> SymbolicDim::constant() const {
  if (polynomial.empty())
    return 0;
  if (polynomial.size() == 1 && polynomial.begin()->first.empty())
    return polynomial.begin()->second;
  return std::nullopt;
}

std::optional<StringRef> SymbolicDim::symbolName() const {
  if (polynomial.size() != 1)
    return std::nullopt;
  const auto &[monomial, coefficient] = *polynomial.begin();
  if (coefficient != 1 || monomial.size() != 1 || monomial.front()->dividend)
    return std::nullopt;
  return StringRef(monomial.front()->text);
}

Error SymbolicDim::addTerm(const Monomial &monomial, int64_t coefficient) {
  auto [it, inserted] = polynomial.try_emplace(monomial, coefficient);
  if (!inserted && AddOverflow(it->second, coefficient, it->second))
    return makeError("size does not fit 64 bits");
  if (it->second == 0)
    polynomial.erase(it);
  if (monomial.size() > maxDegree)
    return makeError("size expression has a product of more than " + Twine(maxDegree) + " sizes");
  if (polynomial.size() > maxTerms)
    return makeError("size expression has more than " + Twine(maxTerms) + " terms");
  return Error::success();
}

Expected<SymbolicDim> SymbolicDim::plus(const SymbolicDim &other) const {
  SymbolicDim sum = *this;
  for (const auto &[monomial, coefficient] : other.polynomial)
    if (Error error = sum.addTerm(monomial, coefficient))
      return error;
  return sum;
}

Expected<SymbolicDim> SymbolicDim::minus(const SymbolicDim &other) const {
  Expected<SymbolicDim> negated = other.times(-1);
  if (!negated)
    return negated.takeError();
  return plus(*negated);
}

Expected<SymbolicDim> SymbolicDim::times(const SymbolicDim &other) const {
  SymbolicDim product;
  for (const auto &[monomial, coefficient] : polynomial)
    for (const auto &[otherMonomial, otherCoefficient] : other.polynomial) {
      int64_t scaled = 0;
      if (MulOverflow(coefficient, otherCoefficient, scaled))
        return makeError("size does not fit 64 bits");
      if (Error error = product.addTerm(multiply(monomial, otherMonomial), scaled))
        return error;
    }
  return product;
}

// Long division by the leading term; the order of monomials makes each step remove the dividend's
// leading term, so the loop ends.
std::optional<SymbolicDim> SymbolicDim::exactQuotient(const SymbolicDim &divisor) const {
  if (divisor.polynomial.empty())
    return std::nullopt;
  const auto &[leadMonomial, leadCoefficient] = *divisor.polynomial.begin();
  SymbolicDim rest = *this, quotient;
  while (!rest.polynomial.empty()) {
    const auto &[monomial, coefficient] = *rest.polynomial.begin();
    std::optional<Monomial> shared = divide(monomial, leadMonomial);
    bool overflows = leadCoefficient == -1 && coefficient == INT64_MIN;
    if (!shared || overflows || coefficient % leadCoefficient != 0)
      return std::nullopt;
    SymbolicDim step(Terms{{*shared, coefficient / leadCoefficient}});
    Expected<SymbolicDim> taken = step.times(divisor);
    Expected<SymbolicDim> next = taken ? rest.minus(*taken) : taken.takeError();
    Expected<SymbolicDim> sum = next ? quotient.plus(step) : next.takeError();
    if (!sum) {
      consumeError(sum.takeError());
      return std::nullopt;
    }
    rest = std::move(*next);
    quotient = std::move(*sum);
  }
  return quotient;
}

// With a divisor c*m: terms that are multiples of m give their quotient by c at once; what is left
// is divided as one opaque quotient, unless it is a constant below c.
Expected<SymbolicDim> SymbolicDim::floorDivByTerm(const SymbolicDim &divisor) const {
  const auto &[monomial, scale] = *divisor.polynomial.begin();
  SymbolicDim quotient, rest;
  int64_t gcd = scale;
  for (const auto &[term, coefficient] : polynomial) {
    std::optional<Monomial> shared = divide(term, monomial);
    int64_t whole = shared ? divideFloorSigned(coefficient, scale) : 0;
    int64_t left = coefficient - whole * scale;
    if (whole != 0)
      if (Error error = quotient.addTerm(*shared, whole))
        return error;
    if (left != 0)
      if (Error error = rest.addTerm(term, left))
        return error;
    gcd = std::gcd(gcd, left);
  }
  std::optional<int64_t> constantRest = rest.constant();
  if (constantRest && *constantRest >= 0 && (monomial.empty() || *constantRest == 0))
    return quotient;
  std::optional<SymbolicDim> dividend = rest.exactQuotient(gcd);
  std::optional<SymbolicDim> reduced = divisor.exactQuotient(gcd);
  Expected<SymbolicDim> opaque = quotientFactor(*dividend, *reduced);
  return opaque ? quotient.plus(*opaque) : opaque.takeError();
}

Expected<SymbolicDim> SymbolicDim::floorDiv(const SymbolicDim &divisor) const {
  if (divisor.polynomial.empty())
    return makeError("division of size " + str() + " by zero");
  if (std::optional<SymbolicDim> exact = exactQuotient(divisor))
    return *exact;
  if (divisor.polynomial.size() > 1)
    return quotientFactor(*this, divisor);
  if (divisor.polynomial.begin()->second > 0)
    return floorDivByTerm(divisor);
  Expected<SymbolicDim> negated = times(-1);
  Expected<SymbolicDim> negatedDivisor = negated ? divisor.times(-1) : negated.takeError();
  if (!negatedDivisor)
    return negatedDivisor.takeError();
  return negated->floorDivByTerm(*negatedDivisor);
}

Expected<SymbolicDim> SymbolicDim::mod(const SymbolicDim &divisor) const {
  Expected<SymbolicDim> quotient = floorDiv(divisor);
  Expected<SymbolicDim> whole = quotient ? quotient->times(divisor) : quotient.takeError();
  if (!whole)
    return whole.takeError();
  return minus(*whole);
}

using SymbolLookup = function_ref<std::optional<SymbolicDim>(StringRef)>;

static Expected<SymbolicDim> substituteFactor(const SymbolicDim::FactorPtr &factor,
                                              SymbolLookup lookup) {
  if (!factor->dividend)
    return lookup(factor->text).value_or(SymbolicDim::symbol(factor->text));
  Expected<SymbolicDim> dividend = factor->dividend->substitute(lookup);
  Expected<SymbolicDim> divisor =
      dividend ? factor->divisor->substitute(lookup) : dividend.takeError();
  if (!divisor)
    return divisor.takeError();
  return dividend->floorDiv(*divisor);
}

Expected<SymbolicDim> SymbolicDim::substitute(SymbolLookup lookup) const {
  SymbolicDim sum;
  for (const auto &[monomial, coefficient] : polynomial) {
    Expected<SymbolicDim> product = SymbolicDim(coefficient);
    for (const FactorPtr &factor : monomial) {
      Expected<SymbolicDim> replaced = substituteFactor(factor, lookup);
      product = replaced ? product->times(*replaced) : replaced.takeError();
      if (!product)
        return product.takeError();
    }
    Expected<SymbolicDim> next = sum.plus(*product);
    if (!next)
      return next.takeError();
    sum = std::move(*next);
  }
  return sum;
}

/// Whether it is not negative whatever its symbols are, which are not.
static bool isNeverNegative(const SymbolicDim &dim) {
  return llvm::all_of(dim.terms(), [](const auto &term) {
    return term.second >= 0 && llvm::all_of(term.first, [](const SymbolicDim::FactorPtr &factor) {
             return !factor->dividend ||
                    (isNeverNegative(*factor->dividend) && isNeverNegative(*factor->divisor));
           });
  });
}

bool SymbolicDim::isAtLeast(int64_t least, int64_t symbols) const {
  // In terms of what each symbol has beyond the least that it can be.
  Expected<SymbolicDim> beyond = substitute([&](StringRef name) -> std::optional<SymbolicDim> {
    Expected<SymbolicDim> sum = symbol(name).plus(symbols);
    return cantFail(std::move(sum));
  });
  Expected<SymbolicDim> slack = beyond ? beyond->minus(least) : beyond.takeError();
  if (slack)
    return isNeverNegative(*slack);
  consumeError(slack.takeError());
  return false;
}

void SymbolicDim::walkSymbols(function_ref<void(StringRef)> visit) const {
  for (const auto &term : polynomial)
    for (const FactorPtr &factor : term.first) {
      if (!factor->dividend) {
        visit(factor->text);
        continue;
      }
      factor->dividend->walkSymbols(visit);
      factor->divisor->walkSymbols(visit);
    }
}

std::string SymbolicDim::str() const {
  if (polynomial.empty())
    return "0";
  std::string text;
  raw_string_ostream os(text);
  for (const auto &[monomial, coefficient] : polynomial) {
    bool isFirst = text.empty();
    if (!isFirst)
      os << (coefficient < 0 ? " - " : " + ");
    // The magnitude of INT64_MIN does not fit int64_t.
    uint64_t magnitude = coefficient < 0 ? 0 - static_cast<uint64_t>(coefficient) : coefficient;
    if (isFirst && coefficient < 0)
      os << "-";
    if (magnitude != 1 || monomial.empty())
      os << magnitude << (monomial.empty() ? "" : "*");
    interleave(
        monomial, os, [&](const FactorPtr &factor) { os << factor->text; }, "*");
  }
  return text;
}

std::string fovea::formatShape(ArrayRef<SymbolicDim> shape) {
  std::string text = "[";
  raw_string_ostream os(text);
  interleaveComma(shape, os, [&](const SymbolicDim &dim) { os << dim.str(); });
  os << "]";
  return text;
}

Expected<SymbolicDim> fovea::numElements(ArrayRef<SymbolicDim> shape) {
  SymbolicDim product = 1;
  for (const SymbolicDim &dim : shape) {
    Expected<SymbolicDim> next = product.times(dim);
    if (!next)
      return next.takeError();
    product = std::move(*next);
  }
  return product;
}
