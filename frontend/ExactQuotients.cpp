#include "frontend/ExactQuotients.h"
#include "frontend/SizeConditions.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include <numeric>

using namespace fovea;
using llvm::Expected;

using FactorPtr = SymbolicDim::FactorPtr;

/// Sizes that do not fit 64 bits are found where shapes are checked.
static SymbolicDim valueOr(Expected<SymbolicDim> dim, const SymbolicDim &otherwise) {
  if (dim)
    return std::move(*dim);
  llvm::consumeError(dim.takeError());
  return otherwise;
}

static bool uses(const SymbolicDim &dim, llvm::StringRef symbol) {
  bool found = false;
  dim.walkSymbols([&](llvm::StringRef name) { found |= name == symbol; });
  return found;
}

Expected<SymbolicDim> fovea::sizeOfFactor(const FactorPtr &factor) {
  if (!factor->dividend)
    return SymbolicDim::symbol(factor->text);
  return factor->dividend->floorDiv(*factor->divisor);
}

static SymbolicDim sizeOf(const FactorPtr &factor) { return valueOr(sizeOfFactor(factor), 0); }

/// `dim` with another size for a symbol, wherever it stands.
static SymbolicDim replaceSymbol(const SymbolicDim &dim, llvm::StringRef symbol,
                                 const SymbolicDim &by) {
  auto lookup = [&](llvm::StringRef name) {
    return name == symbol ? std::optional(by) : std::nullopt;
  };
  return valueOr(dim.substitute(lookup), dim);
}

/// A term without the factors of `product` if it has them all, times `by`.
static SymbolicDim replaceIn(SymbolicDim::Monomial factors, const SymbolicDim::Monomial &product,
                             const SymbolicDim &by) {
  SymbolicDim result = 1;
  SymbolicDim::FactorLess less;
  if (std::includes(factors.begin(), factors.end(), product.begin(), product.end(), less)) {
    SymbolicDim::Monomial rest;
    std::set_difference(factors.begin(), factors.end(), product.begin(), product.end(),
                        std::back_inserter(rest), less);
    factors = std::move(rest);
    result = by;
  }
  for (const FactorPtr &factor : factors)
    result = valueOr(result.times(sizeOf(factor)), result);
  return result;
}

static SymbolicDim replaceProduct(const SymbolicDim &dim, const SymbolicDim::Monomial &product,
                                  const SymbolicDim &by) {
  SymbolicDim sum;
  for (const auto &[monomial, coefficient] : dim.terms())
    sum = valueOr(sum.plus(valueOr(replaceIn(monomial, product, by).times(coefficient), 0)), sum);
  return sum;
}

SymbolicDim ExactQuotients::applyOne(const SymbolicDim &dim, const Replacement &replacement) {
  if (replacement.product.size() == 1)
    return replaceSymbol(dim, replacement.product.front()->text, replacement.dim);
  SymbolicDim quotient =
      valueOr(SymbolicDim::symbol(replacement.symbol).times(replacement.scale), 0);
  return replaceProduct(replaceProduct(dim, replacement.product, replacement.dim),
                        {replacement.quotient}, quotient);
}

SymbolicDim ExactQuotients::apply(const SymbolicDim &dim) const {
  SymbolicDim result = dim;
  for (const Replacement &replacement : replacements)
    result = applyOne(result, replacement);
  return result;
}

SymbolicShape ExactQuotients::apply(llvm::ArrayRef<SymbolicDim> shape) const {
  return llvm::map_to_vector<4>(shape, [&](const SymbolicDim &dim) { return apply(dim); });
}

SymbolicDim ExactQuotients::revert(const SymbolicDim &dim) const {
  SymbolicDim result = dim;
  for (const Replacement &replacement : llvm::reverse(replacements)) {
    SymbolicDim quotient = sizeOf(replacement.quotient);
    result = replaceSymbol(result, replacement.symbol,
                           valueOr(quotient.floorDiv(replacement.scale), quotient));
  }
  return result;
}

/// Whether of the terms of `dim` only `monomial`, a symbol, has that symbol.
static bool isOnlyUse(const SymbolicDim &dim, const SymbolicDim::Monomial &monomial) {
  if (monomial.size() != 1 || monomial.front()->dividend)
    return false;
  return llvm::count_if(dim.terms(), [&](const auto &term) {
           return llvm::any_of(term.first, [&](const FactorPtr &factor) {
             return uses(sizeOf(factor), monomial.front()->text);
           });
         }) == 1;
}

/// Divides both by what divides all coefficients.
static void reduce(SymbolicDim &dividend, SymbolicDim &divisor) {
  int64_t common = 0;
  for (const SymbolicDim *dim : {&dividend, &divisor})
    for (const auto &term : dim->terms())
      common = std::gcd(common, term.second);
  dividend = *dividend.exactQuotient(common);
  divisor = *divisor.exactQuotient(common);
}

/// Solves `dividend = divisor * quotient` for a symbol of the dividend, or for its only product.
/// False where that does not give a polynomial.
bool ExactQuotients::add(const FactorPtr &quotient) {
  SymbolicDim dividend = apply(*quotient->dividend), divisor = apply(*quotient->divisor);
  if (dividend.exactQuotient(divisor))
    return true;
  reduce(dividend, divisor);
  std::string name = "quotient " + std::to_string(replacements.size()); // no name of a dim
  SymbolicDim whole = valueOr(divisor.times(SymbolicDim::symbol(name)), 0);
  bool isOneTerm = dividend.terms().size() == 1 && divisor.constant();
  for (const auto &[monomial, scale] : dividend.terms()) {
    bool isSymbol = isOnlyUse(dividend, monomial) && !uses(divisor, monomial.front()->text);
    if (isSymbol && scale == 1) {
      SymbolicDim rest = valueOr(dividend.minus(sizeOf(monomial.front())), 0);
      replacements.push_back({monomial, valueOr(whole.minus(rest), 0), name, quotient, scale});
      return true;
    }
    // The divisor and the scale have no common factor.
    if (isOneTerm && (isSymbol || replacements.empty())) {
      replacements.push_back({monomial, whole, name, quotient, scale});
      return true;
    }
  }
  return false;
}

static std::vector<FactorPtr> quotientsOf(llvm::ArrayRef<SymbolicDim> dims) {
  std::vector<FactorPtr> quotients;
  for (const SymbolicDim &dim : dims)
    for (const auto &term : dim.terms())
      for (const FactorPtr &factor : term.first)
        if (factor->dividend && llvm::none_of(quotients, [&](const FactorPtr &other) {
              return other->text == factor->text;
            }))
          quotients.push_back(factor);
  return quotients;
}

std::optional<ExactQuotients>
ExactQuotients::find(llvm::ArrayRef<SymbolicDim> candidates,
                     llvm::function_ref<bool(const ExactQuotients &)> holds) {
  constexpr size_t most = 6; // of which all choices are tried
  std::vector<FactorPtr> quotients = quotientsOf(candidates);
  if (holds({}))
    return ExactQuotients();
  if (quotients.size() > most)
    return std::nullopt;
  std::vector<unsigned> choices((size_t(1) << quotients.size()) - 1);
  std::iota(choices.begin(), choices.end(), 1); // without the empty one
  auto rank = [](unsigned choice) { return std::pair(llvm::popcount(choice), choice); };
  llvm::sort(choices, [&](unsigned a, unsigned b) { return rank(a) < rank(b); });
  for (unsigned choice : choices) {
    ExactQuotients chosen;
    bool solved = true;
    for (size_t n = 0; n < quotients.size() && solved; ++n)
      solved = !(choice >> n & 1) || chosen.add(quotients[n]);
    if (solved && holds(chosen))
      return chosen;
  }
  return std::nullopt;
}

llvm::Error ExactQuotients::require(mlir::func::FuncOp function, mlir::Location loc) const {
  for (const Replacement &replacement : replacements)
    if (llvm::Error error = requireMultiple(function, loc, *replacement.quotient->dividend,
                                            *replacement.quotient->divisor))
      return error;
  return llvm::Error::success();
}
