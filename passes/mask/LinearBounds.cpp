#include "passes/mask/LinearBounds.h"

using namespace mlir;
using namespace fovea;

static const IndexRange *findRange(Value value, ArrayRef<IndexRange> ranges) {
  const IndexRange *range =
      llvm::find_if(ranges, [&](const IndexRange &r) { return r.index == value; });
  return range == ranges.end() ? nullptr : range;
}

static bool varies(const LinearForm &form, ArrayRef<IndexRange> ranges) {
  SmallVector<Value> values;
  form.collectValues(values);
  return llvm::any_of(values, [&](Value value) { return findRange(value, ranges); });
}

//===----------------------------------------------------------------------===//
// Remainders
//===----------------------------------------------------------------------===//

std::optional<RemainderForm> fovea::splitRemainder(const LinearForm &form,
                                                   ArrayRef<IndexRange> ranges) {
  return splitRemainder(form, [&](const LinearForm &part) { return varies(part, ranges); });
}

/// A bound of `dividend mod divisor`: of the dividend's own bounds if they have one quotient.
static LinearForm boundRemainder(const RemainderForm &split, ArrayRef<IndexRange> ranges,
                                 bool lower) {
  LinearForm low = boundOver(split.dividend, ranges, /*lower=*/true);
  LinearForm high = boundOver(split.dividend, ranges, /*lower=*/false);
  if (LinearForm::floorDivision(low, split.divisor) ==
      LinearForm::floorDivision(high, split.divisor))
    return split.remainderAt(lower ? low : high);
  return LinearForm(lower ? 0 : split.divisor - 1);
}

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

static LinearForm boundTerm(const LinearForm::Term &term, const LinearForm &dividend,
                            ArrayRef<IndexRange> ranges, bool lower) {
  if (term.dividend)
    return LinearForm::floorDivision(boundOver(dividend, ranges, lower), term.divisor);
  const IndexRange *range = findRange(term.value, ranges);
  return !range ? LinearForm::ofValue(term.value) : lower ? range->min : range->max;
}

LinearForm fovea::boundOver(const LinearForm &form, ArrayRef<IndexRange> ranges, bool lower) {
  if (!form.isValid() || !varies(form, ranges))
    return form;
  if (std::optional<RemainderForm> split = splitRemainder(form, ranges))
    return boundOver(split->rest, ranges, lower) +
           boundRemainder(*split, ranges, lower == (split->factor > 0)) * split->factor;
  // Divisions take what they can of the rest; what is then left is bounded term by term.
  LinearForm rest = form, bound;
  for (const LinearForm::Term &term : form.getTerms()) {
    // A nested division may have been absorbed by another.
    if (!term.dividend || rest.getCoefficient(term) != term.coefficient)
      continue;
    rest = rest - LinearForm::ofTerm(term, term.coefficient);
    LinearForm dividend = absorbInto(term, rest);
    bool takeMin = lower == (term.coefficient > 0);
    bound = bound + boundTerm(term, dividend, ranges, takeMin) * term.coefficient;
  }
  bound = bound + LinearForm(rest.getConstant());
  for (const LinearForm::Term &term : rest.getTerms()) {
    // A positive coefficient keeps the direction of the bound, a negative one turns it.
    bool takeMin = lower == (term.coefficient > 0);
    LinearForm dividend = term.dividend ? *term.dividend : LinearForm();
    bound = bound + boundTerm(term, dividend, ranges, takeMin) * term.coefficient;
  }
  return bound;
}
