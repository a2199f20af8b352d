#include "passes/mask/LinearForm.h"
#include "mlir/IR/Block.h"
#include "mlir/IR/Operation.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace fovea;

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

static int depthOf(Block *block) {
  int depth = 0;
  for (Operation *op = block->getParentOp(); op; op = op->getParentOp())
    ++depth;
  return depth;
}

static int compareInBlock(Value a, Value b) {
  auto argA = dyn_cast<BlockArgument>(a), argB = dyn_cast<BlockArgument>(b);
  if (argA && argB)
    return static_cast<int>(argB.getArgNumber()) - static_cast<int>(argA.getArgNumber());
  if (argA || argB)
    return argA ? -1 : 1;
  if (a.getDefiningOp() == b.getDefiningOp())
    return static_cast<int>(cast<OpResult>(a).getResultNumber()) -
           static_cast<int>(cast<OpResult>(b).getResultNumber());
  return a.getDefiningOp()->isBeforeInBlock(b.getDefiningOp()) ? -1 : 1;
}

int fovea::compareValues(Value a, Value b) {
  if (a == b)
    return 0;
  Block *blockA = a.getParentBlock(), *blockB = b.getParentBlock();
  if (blockA == blockB)
    return compareInBlock(a, b);
  // Values visible at one place lie in blocks around it, all of different depths; blocks of
  // one depth can only be branches of one region.
  int depthA = depthOf(blockA), depthB = depthOf(blockB);
  if (depthA != depthB)
    return depthB - depthA;
  for (Block &block : *blockA->getParent())
    if (&block == blockA || &block == blockB)
      return &block == blockA ? -1 : 1;
  return blockA < blockB ? -1 : 1;
}

int LinearForm::compareTerms(const Term &a, const Term &b) {
  if (!a.dividend != !b.dividend)
    return a.dividend ? 1 : -1;
  if (!a.dividend)
    return compareValues(a.value, b.value);
  if (a.divisor != b.divisor)
    return a.divisor < b.divisor ? -1 : 1;
  return compare(*a.dividend, *b.dividend);
}

int LinearForm::compare(const LinearForm &a, const LinearForm &b) {
  if (a.valid != b.valid)
    return a.valid ? -1 : 1;
  for (auto [termA, termB] : llvm::zip(a.terms, b.terms)) {
    if (int order = compareTerms(termA, termB))
      return order;
    if (termA.coefficient != termB.coefficient)
      return termA.coefficient < termB.coefficient ? -1 : 1;
  }
  if (a.terms.size() != b.terms.size())
    return a.terms.size() < b.terms.size() ? -1 : 1;
  if (a.constant != b.constant)
    return a.constant < b.constant ? -1 : 1;
  return 0;
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

LinearForm LinearForm::ofValue(Value value) {
  LinearForm form;
  form.terms.push_back({value, nullptr, 0, 1});
  return form;
}

LinearForm LinearForm::ofTerm(const Term &term, int64_t coefficient) {
  LinearForm form;
  if (coefficient != 0) {
    form.terms.push_back(term);
    form.terms.front().coefficient = coefficient;
  }
  return form;
}

LinearForm LinearForm::floorDivision(const LinearForm &form, int64_t divisor) {
  // floor((divisor * x + r) / divisor) = x + floor(r / divisor), so that only the remainder of
  // each coefficient and of the constant stays inside.
  LinearForm outside(llvm::divideFloorSigned(form.constant, divisor));
  LinearForm inside(form.constant - outside.constant * divisor);
  outside.valid = inside.valid = form.valid;
  for (const Term &term : form.terms) {
    Term quotient = term, remainder = term;
    quotient.coefficient = llvm::divideFloorSigned(term.coefficient, divisor);
    remainder.coefficient = term.coefficient - quotient.coefficient * divisor;
    if (quotient.coefficient)
      outside.terms.push_back(quotient);
    if (remainder.coefficient)
      inside.terms.push_back(remainder);
  }
  if (inside.terms.empty())
    return outside;
  LinearForm division;
  division.terms.push_back({Value(), std::make_shared<LinearForm>(inside), divisor, 1});
  return outside + division;
}

LinearForm LinearForm::operator+(const LinearForm &other) const {
  LinearForm sum;
  sum.valid = valid && other.valid && !llvm::AddOverflow(constant, other.constant, sum.constant);
  const Term *a = terms.begin(), *b = other.terms.begin();
  while (a != terms.end() || b != other.terms.end()) {
    int order = a == terms.end() ? 1 : b == other.terms.end() ? -1 : compareTerms(*a, *b);
    Term term = order <= 0 ? *a : *b;
    if (order == 0 && llvm::AddOverflow(a->coefficient, b->coefficient, term.coefficient))
      sum.valid = false;
    if (term.coefficient != 0)
      sum.terms.push_back(term);
    a += order <= 0;
    b += order >= 0;
  }
  return sum;
}

LinearForm LinearForm::operator*(int64_t factor) const {
  if (factor == 0)
    return LinearForm();
  LinearForm product = *this;
  product.valid &= !llvm::MulOverflow(constant, factor, product.constant);
  for (Term &term : product.terms)
    product.valid &= !llvm::MulOverflow(term.coefficient, factor, term.coefficient);
  return product;
}

LinearForm LinearForm::tightened() const {
  int64_t divisor = 0;
  for (const Term &term : terms)
    divisor = std::gcd(divisor, term.coefficient);
  if (!valid || divisor <= 1)
    return *this;
  LinearForm form = *this;
  form.constant = llvm::divideFloorSigned(constant, divisor);
  for (Term &term : form.terms)
    term.coefficient /= divisor;
  return form;
}

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

int64_t LinearForm::getCoefficient(Value value) const {
  for (const Term &term : terms)
    if (term.value == value)
      return term.coefficient;
  return 0;
}

int64_t LinearForm::getCoefficient(const Term &term) const {
  for (const Term &candidate : terms)
    if (compareTerms(candidate, term) == 0)
      return candidate.coefficient;
  return 0;
}

LinearForm LinearForm::without(Value value) const {
  return *this - ofValue(value) * getCoefficient(value);
}

void LinearForm::collectValues(SmallVectorImpl<Value> &values) const {
  for (const Term &term : terms) {
    if (term.dividend)
      term.dividend->collectValues(values);
    else
      values.push_back(term.value);
  }
}

std::optional<int64_t>
LinearForm::evaluate(llvm::function_ref<std::optional<int64_t>(Value)> lookup) const {
  if (!valid)
    return std::nullopt;
  int64_t sum = constant;
  for (const Term &term : terms) {
    std::optional<int64_t> factor =
        term.dividend ? term.dividend->evaluate(lookup) : lookup(term.value);
    if (!factor)
      return std::nullopt;
    int64_t number = term.dividend ? llvm::divideFloorSigned(*factor, term.divisor) : *factor;
    int64_t product;
    if (llvm::MulOverflow(number, term.coefficient, product) ||
        llvm::AddOverflow(sum, product, sum))
      return std::nullopt;
  }
  return sum;
}

//===----------------------------------------------------------------------===//
// Divisions and remainders
//===----------------------------------------------------------------------===//

LinearForm fovea::absorbInto(const LinearForm::Term &division, LinearForm &outside) {
  LinearForm dividend = *division.dividend;
  for (const LinearForm::Term &inner : division.dividend->getTerms()) {
    int64_t beside = outside.getCoefficient(inner);
    if (beside == 0 || beside % division.coefficient != 0)
      continue;
    LinearForm moved = LinearForm::ofTerm(inner, beside / division.coefficient);
    dividend = dividend + moved * division.divisor;
    outside = outside - moved * division.coefficient;
  }
  return dividend;
}

/// floor((D + k W x) / W) = floor(D / W) + k x, so coefficients of a remainder's dividend count
/// modulo W. Small ones keep its range small: (i + 3 j) mod 4 is (i - j) mod 4.
static LinearForm withSmallCoefficients(const LinearForm &dividend, int64_t divisor) {
  LinearForm small(dividend.getConstant());
  for (const LinearForm::Term &term : dividend.getTerms()) {
    int64_t coefficient = term.coefficient; // in [0, divisor)
    if (coefficient > divisor - coefficient)
      coefficient -= divisor;
    small = small + LinearForm::ofTerm(term, coefficient);
  }
  return small;
}

std::optional<RemainderForm>
fovea::splitRemainder(const LinearForm &form, llvm::function_ref<bool(const LinearForm &)> wanted) {
  for (const LinearForm::Term &term : form.getTerms()) {
    if (!term.dividend || term.coefficient % term.divisor != 0 || !wanted(*term.dividend))
      continue;
    // c (D mod W) = c D - c W floor(D / W)
    int64_t factor = -(term.coefficient / term.divisor);
    LinearForm rest = form - *term.dividend * factor - LinearForm::ofTerm(term, term.coefficient);
    bool separates = llvm::all_of(term.dividend->getTerms(), [&](const LinearForm::Term &inner) {
      return rest.getCoefficient(inner) == 0;
    });
    if (rest.isValid() && separates)
      return RemainderForm{factor, withSmallCoefficients(*term.dividend, term.divisor),
                           term.divisor, rest};
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

/// Appends a term to a sum.
static void appendTerm(std::string &text, int64_t coefficient, StringRef factor) {
  bool negative = coefficient < 0;
  text += text.empty() ? (negative ? "-" : "") : (negative ? " - " : " + ");
  std::string magnitude = std::to_string(coefficient).substr(negative);
  if (factor.empty())
    text += magnitude;
  else
    text += magnitude == "1" ? factor.str() : magnitude + " * " + factor.str();
}

/// A dividend in brackets, unless it is one name.
static std::string printDividend(const LinearForm &dividend, ValueNamer name) {
  std::string text = dividend.str(name);
  return StringRef(text).contains(' ') ? "(" + text + ")" : text;
}

std::string LinearForm::str(ValueNamer name) const {
  std::string text;
  LinearForm rest = *this;
  auto any = [](const LinearForm &) { return true; };
  while (std::optional<RemainderForm> split = splitRemainder(rest, any)) {
    std::string dividend = printDividend(split->dividend, name);
    appendTerm(text, split->factor,
               "(" + dividend + " mod " + std::to_string(split->divisor) + ")");
    rest = split->rest;
  }
  SmallVector<std::pair<int64_t, std::string>> divisions;
  for (const Term &term : LinearForm(rest).terms) {
    if (!term.dividend || rest.getCoefficient(term) != term.coefficient)
      continue;
    rest = rest - ofTerm(term, term.coefficient);
    std::string dividend = printDividend(absorbInto(term, rest), name);
    divisions.emplace_back(term.coefficient,
                           "(" + dividend + " floordiv " + std::to_string(term.divisor) + ")");
  }
  for (const Term &term : rest.terms)
    if (std::string value = name(term.value); !value.empty())
      appendTerm(text, term.coefficient, value);
  // A sum that begins with a minus sign is hard to read.
  if (text.empty()) {
    auto isSubtracted = [](const std::pair<int64_t, std::string> &d) { return d.first < 0; };
    auto subtracted = llvm::filter_to_vector(divisions, isSubtracted);
    llvm::erase_if(divisions, isSubtracted);
    llvm::append_range(divisions, subtracted);
  }
  for (auto &[coefficient, division] : divisions)
    appendTerm(text, coefficient, division);
  if (rest.constant != 0 || text.empty())
    appendTerm(text, rest.constant, "");
  return text;
}
