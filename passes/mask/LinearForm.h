// Integer linear forms over index values: `constant + sum of coefficient * term`, where a term
// is a value or the floor division of a form by a constant. Forms are kept in a normal form, so
// that two forms are equal exactly if they are written alike here. They are what predicates over
// positions and sizes are compared by.
#ifndef FOVEA_PASSES_MASK_LINEARFORM_H
#define FOVEA_PASSES_MASK_LINEARFORM_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include <memory>
#include <optional>
#include <string>

namespace fovea {

/// Gives a value its name in printed forms; one with an empty name is left out.
using ValueNamer = llvm::function_ref<std::string(mlir::Value)>;

/// An order of values that does not depend on how expressions over them are written: block
/// arguments of inner blocks first (the last argument first), then by place in the function.
/// Negative, zero or positive as in strcmp.
int compareValues(mlir::Value a, mlir::Value b);

class LinearForm {
public:
  struct Term {
    mlir::Value value;                          // null if `dividend` is set
    std::shared_ptr<const LinearForm> dividend; // floor(dividend / divisor)
    int64_t divisor = 0;                        // positive
    int64_t coefficient = 0;                    // never 0
  };

  LinearForm(int64_t constant = 0) : constant(constant) {}
  static LinearForm ofValue(mlir::Value value);
  /// `coefficient` times what `term` stands for, its own coefficient aside.
  static LinearForm ofTerm(const Term &term, int64_t coefficient);
  /// floor(form / divisor), `divisor` positive.
  static LinearForm floorDivision(const LinearForm &form, int64_t divisor);

  LinearForm operator+(const LinearForm &other) const;
  LinearForm operator-(const LinearForm &other) const { return *this + other * -1; }
  LinearForm operator*(int64_t factor) const;

  llvm::ArrayRef<Term> getTerms() const { return terms; }
  int64_t getConstant() const { return constant; }
  bool isConstant() const { return valid && terms.empty(); }
  /// False if a coefficient left the range of int64_t on the way here; the form then says
  /// nothing. Sums and products with it are invalid too.
  bool isValid() const { return valid; }

  /// The coefficient of `value` itself, occurrences inside floor divisions aside.
  int64_t getCoefficient(mlir::Value value) const;
  /// The coefficient of the term that stands for the same as `term`.
  int64_t getCoefficient(const Term &term) const;
  /// This form without the term of `value` itself.
  LinearForm without(mlir::Value value) const;
  /// This form without its constant.
  LinearForm linearPart() const { return *this - LinearForm(constant); }
  /// `form >= 0` in lowest terms: coefficients divided by their common divisor, the constant
  /// rounded down, which over the integers is the same condition.
  LinearForm tightened() const;
  /// Every value that occurs, those inside floor divisions included.
  void collectValues(llvm::SmallVectorImpl<mlir::Value> &values) const;

  /// The number that the form takes; none if `lookup` has none for a value, or on overflow.
  std::optional<int64_t>
  evaluate(llvm::function_ref<std::optional<int64_t>(mlir::Value)> lookup) const;

  static int compare(const LinearForm &a, const LinearForm &b);
  bool operator==(const LinearForm &other) const { return compare(*this, other) == 0; }

  /// "j - i + 64".
  std::string str(ValueNamer name) const;

private:
  static int compareTerms(const Term &a, const Term &b);
  llvm::SmallVector<Term, 2> terms; // sorted, no two alike
  int64_t constant = 0;
  bool valid = true;
};

/// The dividend of `division`, a term of a form of which `outside` is the rest, with all that both
/// have in common moved into it as far as coefficients allow: q floor(D / W) + q k x is
/// q floor((D + k W x) / W).
LinearForm absorbInto(const LinearForm::Term &division, LinearForm &outside);

/// `factor * (dividend mod divisor) + rest`, with nothing of the dividend left in `rest` and the
/// dividend's coefficients in (-divisor / 2, divisor / 2].
struct RemainderForm {
  int64_t factor;
  LinearForm dividend;
  int64_t divisor;
  LinearForm rest;

  /// What the remainder is at `dividend == value`.
  LinearForm remainderAt(const LinearForm &value) const {
    return value - LinearForm::floorDivision(value, divisor) * divisor;
  }
};

/// Splits off a remainder with a dividend that is `wanted`; none if there is none.
std::optional<RemainderForm> splitRemainder(const LinearForm &form,
                                            llvm::function_ref<bool(const LinearForm &)> wanted);

} // namespace fovea

#endif // FOVEA_PASSES_MASK_LINEARFORM_H
