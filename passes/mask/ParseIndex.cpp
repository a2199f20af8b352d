#include "dialect/AttnOps.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "passes/mask/ParseMask.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fovea;

/// Sizes, and a region's batch, head and key indices, are never negative; a query's position
/// may be, where there are more queries than keys.
bool MaskParser::isNeverNegative(const LinearForm &form) {
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

bool MaskParser::isNeverNegative(const IndexExpr &expr) {
  if (expr.kind == IndexExpr::Kind::Linear)
    return isNeverNegative(expr.form);
  return llvm::all_of(expr.operands, [&](const IndexExpr &e) { return isNeverNegative(e); });
}

/// Quotients and remainders by constants. Truncating ones equal flooring ones where
/// the dividend is not negative, and mirror them elsewhere.
std::optional<IndexExpr> MaskParser::parseDivision(Operation *op) {
  IndexExpr dividend = parseIndex(op->getOperand(0));
  std::optional<int64_t> divisor = parseIndex(op->getOperand(1)).getConstant();
  if (!divisor || *divisor == 0 || *divisor < -maxMagnitude || !dividend.isUsable())
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

std::optional<IndexExpr> MaskParser::parseAffine(AffineExpr expr, ValueRange operands,
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
  std::optional<int64_t> factor = b->getConstant();
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

std::optional<IndexExpr> MaskParser::parseAffineMap(AffineMap map, ValueRange operands,
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

std::optional<IndexExpr> MaskParser::parseIndexOp(Operation *op) {
  using Kind = IndexExpr::Kind;
  auto operand = [&](unsigned i) { return parseIndex(op->getOperand(i)); };
  return llvm::TypeSwitch<Operation *, std::optional<IndexExpr>>(op)
      .Case<arith::AddIOp>([&](auto) { return add(operand(0), operand(1)); })
      .Case<arith::SubIOp>([&](auto) { return subtract(operand(0), operand(1)); })
      .Case<arith::MulIOp>([&](auto) -> std::optional<IndexExpr> {
        IndexExpr a = operand(0), b = operand(1);
        if (std::optional<int64_t> factor = b.getConstant())
          return scale(a, *factor);
        if (std::optional<int64_t> factor = a.getConstant())
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

IndexExpr MaskParser::parseIndex(Value value) {
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
    if (!parsed || !parsed->isUsable())
      parsed = LinearForm::ofValue(value);
    return knownIndices.try_emplace(value, *parsed).first->second;
  }
  return LinearForm::ofValue(value);
}
