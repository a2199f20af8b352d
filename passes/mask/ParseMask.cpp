// Reads predicates from SSA. Index expressions become trees of minima, maxima and choices over
// linear forms; a comparison with such a tree becomes an and, an or, or both, of comparisons
// with its leaves, which is how |i - j| <= w turns into two linear bounds.
#include "dialect/AttnOps.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/RegionUtils.h"
#include "passes/mask/FloatChoice.h"
#include "passes/mask/MaskPredicate.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fovea;

/// Trees with more leaves stay opaque: sums of choices multiply.
static constexpr size_t maxLeaves = 64;
/// Coefficients above this stay opaque, so that negating and comparing forms cannot overflow.
static constexpr int64_t maxMagnitude = int64_t(1) << 60;
/// Predicates with more atoms stay opaque: exclusive ors double.
static constexpr size_t maxAtoms = 256;
/// How far back through the definitions of sizes outside the region a form is followed.
static constexpr int maxDepth = 64;

namespace {
/// An index expression: a linear form, or a minimum, maximum or choice of two expressions.
struct IndexExpr {
  enum class Kind { Linear, Min, Max, Choice };
  Kind kind = Kind::Linear;
  LinearForm form;
  MaskPredicate condition; // of a choice: operands[0] where true, operands[1] elsewhere
  std::vector<IndexExpr> operands;

  IndexExpr(LinearForm form) : form(std::move(form)) {}
  IndexExpr(Kind kind, IndexExpr a, IndexExpr b) : kind(kind), operands{a, b} {}

  size_t countLeaves() const {
    size_t count = kind == Kind::Linear;
    for (const IndexExpr &operand : operands)
      count += operand.countLeaves();
    return count;
  }
};

/// Reads values that are computed inside one region.
class Parser {
public:
  explicit Parser(Region &region) : region(region) {}
  MaskPredicate parsePredicate(Value value);
  IndexExpr parseIndex(Value value);

private:
  std::optional<MaskPredicate> parseComparison(arith::CmpIOp op);
  std::optional<MaskPredicate> parseFloatComparison(arith::CmpFOp op);
  std::optional<MaskPredicate> parseBooleanOp(Operation *op);
  std::optional<IndexExpr> parseIndexOp(Operation *op);
  std::optional<IndexExpr> parseDivision(Operation *op);
  std::optional<IndexExpr> parseAffine(AffineExpr expr, ValueRange operands, unsigned numDims);
  std::optional<IndexExpr> parseAffineMap(AffineMap map, ValueRange operands, IndexExpr::Kind kind);
  bool isNeverNegative(const IndexExpr &expr);
  bool isNeverNegative(const LinearForm &form);
  Region &region;
  int depth = 0;
  // What a value was read as: expressions are graphs, reading each path would be exponential.
  llvm::DenseMap<Value, IndexExpr> knownIndices;
  llvm::DenseMap<Value, MaskPredicate> knownPredicates;
};
} // namespace

//===----------------------------------------------------------------------===//
// Arithmetic on trees
//===----------------------------------------------------------------------===//

/// Applies a non-decreasing function (`flip` false) or a non-increasing one to all leaves.
static IndexExpr mapLeaves(const IndexExpr &expr, bool flip,
                           llvm::function_ref<LinearForm(const LinearForm &)> map) {
  if (expr.kind == IndexExpr::Kind::Linear)
    return map(expr.form);
  IndexExpr mapped = expr;
  for (IndexExpr &operand : mapped.operands)
    operand = mapLeaves(operand, flip, map);
  if (flip && expr.kind == IndexExpr::Kind::Min)
    mapped.kind = IndexExpr::Kind::Max;
  if (flip && expr.kind == IndexExpr::Kind::Max)
    mapped.kind = IndexExpr::Kind::Min;
  return mapped;
}

static IndexExpr scale(const IndexExpr &expr, int64_t factor) {
  return mapLeaves(expr, factor < 0, [&](const LinearForm &form) { return form * factor; });
}

static IndexExpr add(const IndexExpr &a, const IndexExpr &b) {
  if (a.kind == IndexExpr::Kind::Linear)
    return mapLeaves(b, false, [&](const LinearForm &form) { return form + a.form; });
  IndexExpr sum = a;
  for (IndexExpr &operand : sum.operands)
    operand = add(operand, b);
  return sum;
}

static IndexExpr subtract(const IndexExpr &a, const IndexExpr &b) { return add(a, scale(b, -1)); }

static IndexExpr floorDivide(const IndexExpr &expr, int64_t divisor) {
  return mapLeaves(expr, false, [&](const LinearForm &form) {
    return LinearForm::floorDivision(form, divisor);
  });
}

/// expr >= 0.
static MaskPredicate atLeastZero(const IndexExpr &expr) {
  if (expr.kind == IndexExpr::Kind::Linear)
    return MaskPredicate::atLeastZero(expr.form);
  MaskPredicate a = atLeastZero(expr.operands[0]), b = atLeastZero(expr.operands[1]);
  switch (expr.kind) {
  case IndexExpr::Kind::Min:
    return MaskPredicate::conjunction({a, b});
  case IndexExpr::Kind::Max:
    return MaskPredicate::disjunction({a, b});
  default:
    return MaskPredicate::disjunction({MaskPredicate::conjunction({expr.condition, a}),
                                       MaskPredicate::conjunction({expr.condition.negation(), b})});
  }
}

/// expr mod divisor. Between two expressions the larger is chosen before the remainder is taken.
static IndexExpr remainder(const IndexExpr &expr, int64_t divisor) {
  using Kind = IndexExpr::Kind;
  if (expr.kind == Kind::Linear)
    return expr.form - LinearForm::floorDivision(expr.form, divisor) * divisor;
  const IndexExpr &a = expr.operands[0], &b = expr.operands[1];
  IndexExpr choice(Kind::Choice, remainder(a, divisor), remainder(b, divisor));
  choice.condition = expr.kind == Kind::Choice ? expr.condition
                     : expr.kind == Kind::Max  ? atLeastZero(subtract(a, b))
                                               : atLeastZero(subtract(b, a));
  return choice;
}

static bool isUsable(const LinearForm &form) {
  if (!form.isValid() || std::abs(form.getConstant()) > maxMagnitude)
    return false;
  return llvm::all_of(form.getTerms(), [](const LinearForm::Term &term) {
    return term.coefficient > -maxMagnitude && term.coefficient < maxMagnitude &&
           (!term.dividend || isUsable(*term.dividend));
  });
}

static bool isUsable(const IndexExpr &expr) {
  if (expr.kind == IndexExpr::Kind::Linear)
    return isUsable(expr.form);
  return expr.countLeaves() <= maxLeaves &&
         llvm::all_of(expr.operands, [](const IndexExpr &e) { return isUsable(e); });
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

static std::optional<int64_t> getConstant(const IndexExpr &expr) {
  if (expr.kind == IndexExpr::Kind::Linear && expr.form.isConstant())
    return expr.form.getConstant();
  return std::nullopt;
}

/// Sizes, and a region's batch, head and key indices, are never negative; a query's position
/// may be, where there are more queries than keys.
bool Parser::isNeverNegative(const LinearForm &form) {
  if (!form.isValid() || form.getConstant() < 0)
    return false;
  return llvm::all_of(form.getTerms(), [&](const LinearForm::Term &term) {
    if (term.coefficient < 0)
      return false;
    if (term.dividend)
      return isNeverNegative(*term.dividend);
    if (auto arg = dyn_cast<BlockArgument>(term.value))
      return arg.getOwner()->getParent() == &region &&
             !(isa_and_nonnull<attn::AttentionOp>(region.getParentOp()) && arg.getArgNumber() == 2);
    return isa<tensor::DimOp, memref::DimOp>(term.value.getDefiningOp());
  });
}

bool Parser::isNeverNegative(const IndexExpr &expr) {
  if (expr.kind == IndexExpr::Kind::Linear)
    return isNeverNegative(expr.form);
  return llvm::all_of(expr.operands, [&](const IndexExpr &e) { return isNeverNegative(e); });
}

/// Quotients and remainders by constants. Truncating ones equal flooring ones where
/// the dividend is not negative, and mirror them elsewhere.
std::optional<IndexExpr> Parser::parseDivision(Operation *op) {
  IndexExpr dividend = parseIndex(op->getOperand(0));
  std::optional<int64_t> divisor = getConstant(parseIndex(op->getOperand(1)));
  if (!divisor || *divisor == 0 || *divisor < -maxMagnitude || !isUsable(dividend))
    return std::nullopt;
  if (*divisor < 0) { // x / -c = -x / c, rounded down or up
    if (isa<arith::FloorDivSIOp>(op))
      return floorDivide(scale(dividend, -1), -*divisor);
    return isa<arith::CeilDivSIOp>(op) ? std::optional(scale(floorDivide(dividend, -*divisor), -1))
                                       : std::nullopt;
  }
  if (isa<arith::CeilDivSIOp>(op)) // ceil(x / c) = -floor(-x / c)
    return scale(floorDivide(scale(dividend, -1), *divisor), -1);
  if (isa<arith::FloorDivSIOp>(op))
    return floorDivide(dividend, *divisor);
  auto divide = [&](const IndexExpr &x) {
    bool wantsQuotient = isa<arith::DivSIOp, arith::DivUIOp>(op);
    return wantsQuotient ? floorDivide(x, *divisor) : remainder(x, *divisor);
  };
  if (isNeverNegative(dividend))
    return divide(dividend);
  if (isa<arith::DivUIOp, arith::RemUIOp>(op))
    return std::nullopt;
  IndexExpr choice(IndexExpr::Kind::Choice, divide(dividend),
                   scale(divide(scale(dividend, -1)), -1));
  choice.condition = atLeastZero(dividend);
  return choice;
}

std::optional<IndexExpr> Parser::parseAffine(AffineExpr expr, ValueRange operands,
                                             unsigned numDims) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return IndexExpr(LinearForm(constant.getValue()));
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return parseIndex(operands[dim.getPosition()]);
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return parseIndex(operands[numDims + symbol.getPosition()]);
  auto binary = cast<AffineBinaryOpExpr>(expr);
  std::optional<IndexExpr> a = parseAffine(binary.getLHS(), operands, numDims);
  std::optional<IndexExpr> b = parseAffine(binary.getRHS(), operands, numDims);
  if (!a || !b)
    return std::nullopt;
  if (expr.getKind() == AffineExprKind::Add)
    return add(*a, *b);
  std::optional<int64_t> factor = getConstant(*b);
  if (!factor || (expr.getKind() != AffineExprKind::Mul && *factor <= 0))
    return std::nullopt;
  switch (expr.getKind()) {
  case AffineExprKind::Mul:
    return scale(*a, *factor);
  case AffineExprKind::FloorDiv:
    return floorDivide(*a, *factor);
  case AffineExprKind::CeilDiv:
    return scale(floorDivide(scale(*a, -1), *factor), -1);
  default:
    return remainder(*a, *factor);
  }
}

std::optional<IndexExpr> Parser::parseAffineMap(AffineMap map, ValueRange operands,
                                                IndexExpr::Kind kind) {
  std::optional<IndexExpr> result;
  for (AffineExpr expr : map.getResults()) {
    std::optional<IndexExpr> parsed = parseAffine(expr, operands, map.getNumDims());
    if (!parsed)
      return std::nullopt;
    result = result ? IndexExpr(kind, *result, *parsed) : *parsed;
  }
  return result;
}

std::optional<IndexExpr> Parser::parseIndexOp(Operation *op) {
  using Kind = IndexExpr::Kind;
  auto operand = [&](unsigned i) { return parseIndex(op->getOperand(i)); };
  return llvm::TypeSwitch<Operation *, std::optional<IndexExpr>>(op)
      .Case<arith::AddIOp>([&](auto) { return add(operand(0), operand(1)); })
      .Case<arith::SubIOp>([&](auto) { return subtract(operand(0), operand(1)); })
      .Case<arith::MulIOp>([&](auto) -> std::optional<IndexExpr> {
        IndexExpr a = operand(0), b = operand(1);
        if (std::optional<int64_t> factor = getConstant(b))
          return scale(a, *factor);
        if (std::optional<int64_t> factor = getConstant(a))
          return scale(b, *factor);
        return std::nullopt;
      })
      .Case<arith::FloorDivSIOp, arith::CeilDivSIOp, arith::DivSIOp, arith::DivUIOp, arith::RemSIOp,
            arith::RemUIOp>([&](Operation *op) { return parseDivision(op); })
      .Case<arith::MaxSIOp>([&](auto) { return IndexExpr(Kind::Max, operand(0), operand(1)); })
      .Case<arith::MinSIOp>([&](auto) { return IndexExpr(Kind::Min, operand(0), operand(1)); })
      .Case<math::AbsIOp>([&](auto) {
        IndexExpr x = operand(0);
        return IndexExpr(Kind::Max, x, scale(x, -1));
      })
      .Case<arith::SelectOp>([&](arith::SelectOp select) {
        IndexExpr choice(Kind::Choice, operand(1), operand(2));
        choice.condition = parsePredicate(select.getCondition());
        return choice;
      })
      .Case<arith::IndexCastOp, arith::ExtSIOp>([&](Operation *op) -> std::optional<IndexExpr> {
        if (op->getOperand(0).getType().isInteger(1)) // true would be -1
          return std::nullopt;
        return operand(0);
      })
      .Case<arith::ExtUIOp, arith::IndexCastUIOp>([&](Operation *op) -> std::optional<IndexExpr> {
        if (!op->getOperand(0).getType().isInteger(1))
          return std::nullopt;
        IndexExpr choice(Kind::Choice, LinearForm(1), LinearForm(0));
        choice.condition = parsePredicate(op->getOperand(0));
        return choice;
      })
      .Case<affine::AffineApplyOp>([&](affine::AffineApplyOp apply) {
        return parseAffineMap(apply.getAffineMap(), apply.getOperands(), Kind::Min);
      })
      .Case<affine::AffineMinOp>([&](affine::AffineMinOp min) {
        return parseAffineMap(min.getAffineMap(), min.getOperands(), Kind::Min);
      })
      .Case<affine::AffineMaxOp>([&](affine::AffineMaxOp max) {
        return parseAffineMap(max.getAffineMap(), max.getOperands(), Kind::Max);
      })
      .Default([](Operation *) { return std::nullopt; });
}

IndexExpr Parser::parseIndex(Value value) {
  if (auto it = knownIndices.find(value); it != knownIndices.end())
    return it->second;
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)) && constant.getSignificantBits() <= 64)
    return LinearForm(constant.getSExtValue());
  Operation *op = value.getDefiningOp();
  if (auto dim = dyn_cast_or_null<ShapedDimOpInterface>(op)) {
    auto type = cast<ShapedType>(dim.getShapedValue().getType());
    std::optional<int64_t> index = getConstantIntValue(dim.getDimension());
    if (type.hasRank() && index && *index >= 0 && *index < type.getRank() &&
        !type.isDynamicDim(*index))
      return LinearForm(type.getDimSize(*index));
  }
  if (op && depth < maxDepth) {
    ++depth;
    std::optional<IndexExpr> parsed = parseIndexOp(op);
    --depth;
    if (parsed && isUsable(*parsed))
      return knownIndices.try_emplace(value, *parsed).first->second;
  }
  return LinearForm::ofValue(value);
}

//===----------------------------------------------------------------------===//
// Booleans
//===----------------------------------------------------------------------===//

static MaskPredicate exclusiveOr(const MaskPredicate &a, const MaskPredicate &b) {
  return MaskPredicate::disjunction({MaskPredicate::conjunction({a, b.negation()}),
                                     MaskPredicate::conjunction({a.negation(), b})});
}

/// a < b, or a <= b.
static MaskPredicate isBelow(const IndexExpr &a, const IndexExpr &b, bool orEqual) {
  IndexExpr difference = subtract(b, a);
  return atLeastZero(orEqual ? difference : add(difference, IndexExpr(LinearForm(-1))));
}

std::optional<MaskPredicate> Parser::parseComparison(arith::CmpIOp op) {
  using Predicate = arith::CmpIPredicate;
  if (op.getLhs().getType().isInteger(1)) {
    MaskPredicate differ = exclusiveOr(parsePredicate(op.getLhs()), parsePredicate(op.getRhs()));
    if (op.getPredicate() == Predicate::eq)
      return differ.negation();
    return op.getPredicate() == Predicate::ne ? std::optional(differ) : std::nullopt;
  }
  IndexExpr a = parseIndex(op.getLhs()), b = parseIndex(op.getRhs());
  if (!isUsable(subtract(a, b)))
    return std::nullopt;
  MaskPredicate aNegative = isBelow(a, LinearForm(0), false);
  bool orEqual = false;
  switch (op.getPredicate()) {
  case Predicate::eq:
    return MaskPredicate::conjunction({isBelow(a, b, true), isBelow(b, a, true)});
  case Predicate::ne:
    return MaskPredicate::disjunction({isBelow(a, b, false), isBelow(b, a, false)});
  case Predicate::slt:
    return isBelow(a, b, false);
  case Predicate::sle:
    return isBelow(a, b, true);
  case Predicate::sgt:
    return isBelow(b, a, false);
  case Predicate::sge:
    return isBelow(b, a, true);
  case Predicate::ugt:
  case Predicate::uge: {
    // a > b as unsigned numbers where a >= 0: 0 <= b < a.
    if (!isNeverNegative(a))
      return std::nullopt;
    orEqual = op.getPredicate() == Predicate::uge;
    return MaskPredicate::conjunction({isBelow(LinearForm(0), b, true), isBelow(b, a, orEqual)});
  }
  case Predicate::ult:
  case Predicate::ule:
    if (!isNeverNegative(b))
      return std::nullopt;
    orEqual = op.getPredicate() == Predicate::ule;
    return MaskPredicate::conjunction({aNegative.negation(), isBelow(a, b, orEqual)});
  }
  return std::nullopt;
}

/// Comparisons of numbers that predicates choose, as in `tril(ones) == 0`.
std::optional<MaskPredicate> Parser::parseFloatComparison(arith::CmpFOp op) {
  auto read = [&](Value condition) { return parsePredicate(condition); };
  auto lhs = readFloatChoices(op.getLhs(), read);
  auto rhs = lhs ? readFloatChoices(op.getRhs(), read) : std::nullopt;
  if (!rhs)
    return std::nullopt;
  std::vector<MaskPredicate> cases;
  for (const FloatChoice &a : *lhs)
    for (const FloatChoice &b : *rhs)
      if (arith::applyCmpPredicate(op.getPredicate(), a.value, b.value))
        cases.push_back(MaskPredicate::conjunction({a.when, b.when}));
  return MaskPredicate::disjunction(std::move(cases));
}

std::optional<MaskPredicate> Parser::parseBooleanOp(Operation *op) {
  auto operand = [&](unsigned i) { return parsePredicate(op->getOperand(i)); };
  return llvm::TypeSwitch<Operation *, std::optional<MaskPredicate>>(op)
      .Case<arith::CmpIOp>([&](arith::CmpIOp cmp) { return parseComparison(cmp); })
      .Case<arith::CmpFOp>([&](arith::CmpFOp cmp) { return parseFloatComparison(cmp); })
      .Case<arith::AndIOp>([&](auto) {
        return MaskPredicate::conjunction({operand(0), operand(1)});
      })
      .Case<arith::OrIOp>([&](auto) {
        return MaskPredicate::disjunction({operand(0), operand(1)});
      })
      .Case<arith::XOrIOp>([&](auto) { return exclusiveOr(operand(0), operand(1)); })
      .Case<arith::SelectOp>([&](auto) {
        MaskPredicate condition = operand(0);
        return MaskPredicate::disjunction(
            {MaskPredicate::conjunction({condition, operand(1)}),
             MaskPredicate::conjunction({condition.negation(), operand(2)})});
      })
      .Default([](Operation *) { return std::nullopt; });
}

static size_t countAtoms(const MaskPredicate &predicate) {
  size_t count = 1;
  for (const MaskPredicate &operand : predicate.getOperands())
    count += countAtoms(operand);
  return count;
}

MaskPredicate Parser::parsePredicate(Value value) {
  if (auto it = knownPredicates.find(value); it != knownPredicates.end())
    return it->second;
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return MaskPredicate::constant(!constant.isZero());
  if (Operation *op = value.getDefiningOp(); op && depth < maxDepth) {
    ++depth;
    std::optional<MaskPredicate> parsed = parseBooleanOp(op);
    --depth;
    if (parsed && countAtoms(*parsed) <= maxAtoms)
      return knownPredicates.try_emplace(value, *parsed).first->second;
  }
  return MaskPredicate::opaque(value);
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

MaskPredicate fovea::analyzePredicate(Value value, Region &region) {
  return Parser(region).parsePredicate(value);
}

MaskPredicate fovea::analyzeMaskRegion(Region &region) {
  return analyzePredicate(region.front().getTerminator()->getOperand(0), region);
}

std::optional<LinearForm> fovea::analyzeIndex(Value value, Region &region) {
  IndexExpr expr = Parser(region).parseIndex(value);
  if (expr.kind != IndexExpr::Kind::Linear)
    return std::nullopt;
  return expr.form;
}

bool fovea::dependsOn(Value value, ArrayRef<Value> indices, Region &region) {
  if (llvm::is_contained(indices, value))
    return true;
  Operation *op = value.getDefiningOp();
  if (!op || !region.isAncestor(op->getParentRegion()))
    return false;
  llvm::SetVector<Value> used;
  used.insert(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), used);
  return llvm::any_of(used, [&](Value v) { return dependsOn(v, indices, region); });
}

bool fovea::dependsOn(const LinearForm &form, ArrayRef<Value> indices, Region &region) {
  SmallVector<Value> values;
  form.collectValues(values);
  return llvm::any_of(values, [&](Value v) { return dependsOn(v, indices, region); });
}

std::optional<PositionForm> fovea::splitPositions(const LinearForm &form, Value i, Value j,
                                                  Region &region) {
  PositionForm split{form.getCoefficient(i), form.getCoefficient(j), form.without(i).without(j)};
  if (!split.rest.isValid() || dependsOn(split.rest, {i, j}, region))
    return std::nullopt;
  return split;
}
