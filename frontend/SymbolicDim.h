// Sizes of tensor dims known at compile time only up to the values of named symbols. A SymbolicDim
// is an integer polynomial over symbols such as `L` in canonical form, so two dims are provably
// equal exactly if their normal forms are. A floor division is carried out where that is exact and
// otherwise stands as an opaque factor, as in `3*(L//2) + 1`.
#ifndef FOVEA_FRONTEND_SYMBOLICDIM_H
#define FOVEA_FRONTEND_SYMBOLICDIM_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fovea {

class SymbolicDim {
public:
  /// What a polynomial is built from: a symbol, or a quotient that does not simplify.
  struct Factor;
  using FactorPtr = std::shared_ptr<const Factor>;
  struct FactorLess {
    bool operator()(const FactorPtr &a, const FactorPtr &b) const;
  };
  /// A product of factors, sorted, each repeated as often as its power. Empty for the constant.
  using Monomial = std::vector<FactorPtr>;
  struct MonomialLess {
    bool operator()(const Monomial &a, const Monomial &b) const;
  };
  using Terms = std::map<Monomial, int64_t, MonomialLess>;

  SymbolicDim(int64_t value = 0);
  /// The symbol `name`, which must not be empty.
  static SymbolicDim symbol(llvm::StringRef name);

  bool isConstant() const;
  /// The value if it does not depend on any symbol.
  std::optional<int64_t> constant() const;
  /// The name if the dim is one symbol and nothing else.
  std::optional<llvm::StringRef> symbolName() const;
  const Terms &terms() const { return polynomial; }

  /// Exact; an error if a coefficient overflows 64 bits, or the result has more than 256 terms, a
  /// product of more than 32 factors, or a quotient of more than 1024 characters.
  llvm::Expected<SymbolicDim> plus(const SymbolicDim &other) const;
  llvm::Expected<SymbolicDim> minus(const SymbolicDim &other) const;
  llvm::Expected<SymbolicDim> times(const SymbolicDim &other) const;
  /// Rounds towards minus infinity, as Python's `//`. An error if `divisor` is the constant 0.
  /// Symbols stand for sizes, so a product divided by one of its factors cancels.
  llvm::Expected<SymbolicDim> floorDiv(const SymbolicDim &divisor) const;
  /// `this - divisor * (this // divisor)`, as Python's `%`.
  llvm::Expected<SymbolicDim> mod(const SymbolicDim &divisor) const;
  /// This divided by `divisor` if the division leaves no remainder whatever the symbols are.
  std::optional<SymbolicDim> exactQuotient(const SymbolicDim &divisor) const;

  /// Whether it is certain to be `least` or more where each symbol is at least `symbols`, 0 or 1.
  bool isAtLeast(int64_t least, int64_t symbols) const;

  /// Replaces each symbol for which `lookup` has a dim, simplifying the result.
  llvm::Expected<SymbolicDim>
  substitute(llvm::function_ref<std::optional<SymbolicDim>(llvm::StringRef)> lookup) const;
  /// Calls `visit` with every symbol, those inside quotients included.
  void walkSymbols(llvm::function_ref<void(llvm::StringRef)> visit) const;

  /// `2*L + 4`, `B*L`, `(L + 1)//2`.
  std::string str() const;

  friend bool operator==(const SymbolicDim &a, const SymbolicDim &b);

private:
  explicit SymbolicDim(Terms terms) : polynomial(std::move(terms)) {}
  static llvm::Expected<SymbolicDim> quotientFactor(const SymbolicDim &dividend,
                                                    const SymbolicDim &divisor);
  llvm::Error addTerm(const Monomial &monomial, int64_t coefficient);
  llvm::Expected<SymbolicDim> floorDivByTerm(const SymbolicDim &divisor) const;

  Terms polynomial; // No zero coefficients; empty for 0.
};

/// A symbol, or a quotient if it has operands.
struct SymbolicDim::Factor {
  std::string text; // As printed; two factors are the same if their texts are.
  std::optional<SymbolicDim> dividend, divisor;
};

using SymbolicShape = llvm::SmallVector<SymbolicDim, 4>;

/// `[B, L, 64]`.
std::string formatShape(llvm::ArrayRef<SymbolicDim> shape);
/// The product of all dims; 1 for rank 0.
llvm::Expected<SymbolicDim> numElements(llvm::ArrayRef<SymbolicDim> shape);

} // namespace fovea

#endif // FOVEA_FRONTEND_SYMBOLICDIM_H
