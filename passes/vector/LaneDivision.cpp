#include "passes/vector/LaneDivision.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace fovea;

bool fovea::isIntegerDivision(Operation &op) {
  return isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp, arith::FloorDivSIOp,
             arith::CeilDivSIOp, arith::CeilDivUIOp>(op);
}

static Value cloneWithType(EmitBuilder &b, Operation &op, Value lhs, Value rhs) {
  IRMapping operands;
  operands.map(op.getOperand(0), lhs);
  operands.map(op.getOperand(1), rhs);
  Operation *clone = b.clone(op, operands);
  clone->getResult(0).setType(lhs.getType());
  return clone->getResult(0);
}

/// Between i32, i64 and index, where an index is 64 bits. A cast from index to i32 and back would
/// be folded away.
static Value convert(EmitBuilder &b, Value vector, Type element) {
  auto type = cast<VectorType>(vector.getType());
  Type from = type.getElementType();
  if (from.isIndex() && element.isInteger(32))
    return convert(b, convert(b, vector, b.getI64Type()), element);
  if (from.isInteger(32) && element.isIndex())
    return convert(b, convert(b, vector, b.getI64Type()), element);
  if (from == element)
    return vector;
  if (from.isIndex() || element.isIndex())
    return arith::IndexCastOp::create(b, type.clone(element), vector);
  if (element.isInteger(64))
    return arith::ExtSIOp::create(b, type.clone(element), vector);
  return arith::TruncIOp::create(b, type.clone(element), vector);
}

Value fovea::divideLanes(EmitBuilder &b, Operation &op, const IRMapping &operands,
                         bool divisorVaries) {
  Value lhs = operands.lookup(op.getOperand(0)), rhs = operands.lookup(op.getOperand(1));
  Type element = cast<VectorType>(lhs.getType()).getElementType();
  std::optional<int64_t> divisor = getConstantIntValue(op.getOperand(1));
  bool isWide = element.isIndex() || element.isInteger(64);
  if (divisorVaries || !isWide || !divisor || *divisor < 1 || *divisor > INT32_MAX ||
      op.getOperand(0) == op.getOperand(1))
    return cloneWithType(b, op, lhs, rhs);
  // Unsigned division of numbers below 2^31 is signed division.
  Value wide = convert(b, lhs, b.getI64Type()), narrow = convert(b, wide, b.getI32Type());
  Value same =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, convert(b, narrow, b.getI64Type()), wide);
  if (isa<arith::DivUIOp, arith::RemUIOp, arith::CeilDivUIOp>(op)) {
    Value zero = arith::ConstantOp::create(b, lhs.getType(), b.getZeroAttr(lhs.getType()));
    Value positive = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, lhs, zero);
    same = arith::AndIOp::create(b, same, positive);
  }
  Value fits = vector::ReductionOp::create(b, vector::CombiningKind::AND, same);
  auto branch = scf::IfOp::create(b, lhs.getType(), fits, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  Value by = b.constant(narrow.getType(), static_cast<double>(*divisor));
  Value result = convert(b, cloneWithType(b, op, narrow, by), element);
  scf::YieldOp::create(b, result);
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, cloneWithType(b, op, lhs, rhs));
  return branch.getResult(0);
}
