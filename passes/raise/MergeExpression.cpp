#include "passes/raise/MergeExpression.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/STLExtras.h"
#include <array>
#include <map>
#include <optional>

using namespace mlir;
using namespace fovea;

//===----------------------------------------------------------------------===//
// Rational functions
//===----------------------------------------------------------------------===//

/// o1, o2, A, B, and the exponentials of maxima.
static constexpr size_t variables = 8, firstMaximum = 4;
static constexpr size_t maxTerms = 64;

namespace {
using Exponents = std::array<int, variables>;
/// A polynomial with exact coefficients: those that occur are small.
using Polynomial = std::map<Exponents, double>;

struct Rational {
  Polynomial numerator, denominator;
};

/// A number, or the logarithm of one.
struct Expression {
  bool isLog;
  Rational value;
};
} // namespace

static Polynomial constant(double number) {
  return number == 0 ? Polynomial{} : Polynomial{{Exponents{}, number}};
}

static Polynomial variable(size_t index) {
  Exponents exponents{};
  exponents[index] = 1;
  return {{exponents, 1.0}};
}

static Polynomial addScaled(Polynomial sum, const Polynomial &other, double factor) {
  for (auto &[exponents, coefficient] : other) {
    double &into = sum[exponents];
    into += coefficient * factor;
    if (into == 0)
      sum.erase(exponents);
  }
  return sum;
}

static Polynomial multiply(const Polynomial &a, const Polynomial &b) {
  Polynomial product;
  for (auto &[x, p] : a)
    for (auto &[y, q] : b) {
      Exponents exponents = x;
      for (size_t i = 0; i < variables; ++i)
        exponents[i] += y[i];
      product = addScaled(std::move(product), {{exponents, p * q}}, 1);
    }
  return product;
}

static Rational multiply(const Rational &a, const Rational &b) {
  return {multiply(a.numerator, b.numerator), multiply(a.denominator, b.denominator)};
}

static Rational invert(const Rational &a) { return {a.denominator, a.numerator}; }

static Rational addScaled(const Rational &a, const Rational &b, double factor) {
  return {
      addScaled(multiply(a.numerator, b.denominator), multiply(b.numerator, a.denominator), factor),
      multiply(a.denominator, b.denominator)};
}

static bool areEqual(const Rational &a, const Rational &b) {
  return addScaled(multiply(a.numerator, b.denominator), multiply(b.numerator, a.denominator), -1)
      .empty();
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {
class ExpressionReader {
public:
  explicit ExpressionReader(const MergeLeaves &leaves) : leaves(leaves) {}
  std::optional<Expression> read(Value value);

private:
  std::optional<Expression> readOp(Operation *op);
  std::optional<Expression> readSum(Operation *op, double sign);
  std::optional<Expression> readMaximum(Operation *op);

  const MergeLeaves &leaves;
  llvm::SmallVector<Value> maxima;
  int budget = 200;
};
} // namespace

/// Sums of logarithms are logarithms of products.
std::optional<Expression> ExpressionReader::readSum(Operation *op, double sign) {
  auto a = read(op->getOperand(0)), b = read(op->getOperand(1));
  if (!a || !b || a->isLog != b->isLog)
    return std::nullopt;
  if (!a->isLog)
    return Expression{false, addScaled(a->value, b->value, sign)};
  return Expression{true, multiply(a->value, sign > 0 ? b->value : invert(b->value))};
}

/// A maximum of logarithms is whatever it is: it must cancel.
std::optional<Expression> ExpressionReader::readMaximum(Operation *op) {
  auto a = read(op->getOperand(0)), b = read(op->getOperand(1));
  if (!a || !b || !a->isLog || !b->isLog)
    return std::nullopt;
  Value result = op->getResult(0);
  size_t number = llvm::find(maxima, result) - maxima.begin();
  if (number == maxima.size())
    maxima.push_back(result);
  if (firstMaximum + number >= variables)
    return std::nullopt;
  return Expression{true, {variable(firstMaximum + number), constant(1)}};
}

std::optional<Expression> ExpressionReader::readOp(Operation *op) {
  if (isa<arith::AddFOp>(op))
    return readSum(op, 1);
  if (isa<arith::SubFOp>(op))
    return readSum(op, -1);
  if (isa<arith::MaximumFOp, arith::MaxNumFOp>(op))
    return readMaximum(op);
  if (isa<arith::MulFOp, arith::DivFOp>(op)) {
    auto a = read(op->getOperand(0)), b = read(op->getOperand(1));
    if (!a || !b || a->isLog || b->isLog)
      return std::nullopt;
    bool divides = isa<arith::DivFOp>(op);
    return Expression{false, multiply(a->value, divides ? invert(b->value) : b->value)};
  }
  if (op->getNumOperands() != 1)
    return std::nullopt;
  auto a = read(op->getOperand(0));
  if (!a)
    return std::nullopt;
  if (isa<arith::NegFOp>(op)) {
    Rational minus{constant(-1), constant(1)};
    return Expression{a->isLog, a->isLog ? invert(a->value) : multiply(a->value, minus)};
  }
  if (isa<math::ExpOp>(op) && a->isLog)
    return Expression{false, a->value};
  if (isa<math::LogOp>(op) && !a->isLog)
    return Expression{true, a->value};
  if (isa<math::Log1pOp>(op) && !a->isLog)
    return Expression{true, addScaled(a->value, {constant(1), constant(1)}, 1)};
  return std::nullopt;
}

std::optional<Expression> ExpressionReader::read(Value value) {
  if (--budget < 0)
    return std::nullopt;
  for (size_t part : {0, 1}) {
    if (value == leaves.outputs[part])
      return Expression{false, {variable(part), constant(1)}};
    if (value == leaves.lses[part])
      return Expression{true, {variable(2 + part), constant(1)}};
  }
  APFloat number(0.0);
  if (matchPattern(value, m_ConstantFloat(&number)))
    return Expression{false, {constant(number.convertToDouble()), constant(1)}};
  Operation *op = value.getDefiningOp();
  auto result = op ? readOp(op) : std::nullopt;
  // An empty denominator would be a division by 0.
  if (!result || result->value.denominator.empty() ||
      result->value.numerator.size() + result->value.denominator.size() > maxTerms)
    return std::nullopt;
  return result;
}

bool fovea::isMergedOutput(Value value, const MergeLeaves &leaves) {
  Polynomial o1 = variable(0), o2 = variable(1), a = variable(2), b = variable(3);
  Rational merged{addScaled(multiply(o1, a), multiply(o2, b), 1), addScaled(a, b, 1)};
  auto read = ExpressionReader(leaves).read(value);
  return read && !read->isLog && areEqual(read->value, merged);
}

bool fovea::isMergedLse(Value value, const MergeLeaves &leaves) {
  Rational merged{addScaled(variable(2), variable(3), 1), constant(1)};
  auto read = ExpressionReader(leaves).read(value);
  return read && read->isLog && areEqual(read->value, merged);
}
