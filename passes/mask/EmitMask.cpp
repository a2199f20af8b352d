// Writes forms and predicates as arith ops, always in the same way for equal ones.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Transforms/RegionUtils.h"
#include "passes/mask/MaskPredicate.h"

using namespace mlir;
using namespace fovea;

Value PredicateEmitter::emitConstant(int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}

Value PredicateEmitter::emit(Value value) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  Operation *op = value.getDefiningOp();
  if (!op || !region.isAncestor(op->getParentRegion()))
    return value;
  llvm::SetVector<Value> used;
  used.insert(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), used);
  for (Value operand : used)
    mapping.map(operand, emit(operand));
  builder.clone(*op, mapping);
  return mapping.lookup(value);
}

Value PredicateEmitter::emitTerm(const LinearForm::Term &term) {
  if (term.dividend)
    return arith::FloorDivSIOp::create(builder, loc, emit(*term.dividend),
                                       emitConstant(term.divisor));
  Value value = emit(term.value);
  if (value.getType().isIndex())
    return value;
  return arith::IndexCastOp::create(builder, loc, builder.getIndexType(), value);
}

Value PredicateEmitter::emit(const LinearForm &form) {
  for (auto &[known, value] : emitted)
    if (known == form)
      return value;
  Value sum;
  for (const LinearForm::Term &term : form.getTerms()) {
    Value value = emitTerm(term);
    int64_t magnitude = std::abs(term.coefficient);
    if (magnitude != 1)
      value = arith::MulIOp::create(builder, loc, value, emitConstant(magnitude));
    if (!sum && term.coefficient < 0)
      sum = emitConstant(0);
    if (!sum)
      sum = value;
    else if (term.coefficient > 0)
      sum = arith::AddIOp::create(builder, loc, sum, value);
    else
      sum = arith::SubIOp::create(builder, loc, sum, value);
  }
  if (!sum)
    sum = emitConstant(form.getConstant());
  else if (form.getConstant() != 0)
    sum = arith::AddIOp::create(builder, loc, sum, emitConstant(form.getConstant()));
  emitted.emplace_back(form, sum);
  return sum;
}

/// A lower or an upper bound of the linear part written with its first coefficient positive, so
/// that both bounds of a window share it.
Value PredicateEmitter::emitAtom(const LinearForm &form) {
  bool isLower = form.getTerms().front().coefficient > 0;
  LinearForm part = isLower ? form.linearPart() : form.linearPart() * -1;
  int64_t bound = isLower ? (form * -1).getConstant() : form.getConstant();
  auto predicate = isLower ? arith::CmpIPredicate::sge : arith::CmpIPredicate::sle;
  return arith::CmpIOp::create(builder, loc, predicate, emit(part), emitConstant(bound));
}

Value PredicateEmitter::emit(const MaskPredicate &predicate) {
  using Kind = MaskPredicate::Kind;
  switch (predicate.getKind()) {
  case Kind::True:
  case Kind::False:
    return arith::ConstantIntOp::create(builder, loc, predicate.isTrue(), /*width=*/1);
  case Kind::Linear:
    return emitAtom(predicate.getForm());
  case Kind::Opaque: {
    Value value = emit(predicate.getValue());
    if (!predicate.isNegated())
      return value;
    Value yes = arith::ConstantIntOp::create(builder, loc, 1, /*width=*/1);
    return arith::XOrIOp::create(builder, loc, value, yes);
  }
  case Kind::And:
  case Kind::Or:
    break;
  }
  Value result;
  for (const MaskPredicate &operand : predicate.getOperands()) {
    Value value = emit(operand);
    if (!result)
      result = value;
    else if (predicate.getKind() == Kind::And)
      result = arith::AndIOp::create(builder, loc, result, value);
    else
      result = arith::OrIOp::create(builder, loc, result, value);
  }
  return result;
}
