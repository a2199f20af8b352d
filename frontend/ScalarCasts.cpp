#include "frontend/ScalarOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace fovea;

static Value buildFloatCast(OpBuilder &builder, Location loc, Value x, FloatType type) {
  unsigned from = cast<FloatType>(x.getType()).getWidth(), to = type.getWidth();
  if (from < to)
    return arith::ExtFOp::create(builder, loc, type, x);
  if (from > to)
    return arith::TruncFOp::create(builder, loc, type, x);
  // f16 and bf16 have no direct conversion.
  Value wide = arith::ExtFOp::create(builder, loc, builder.getF32Type(), x);
  return arith::TruncFOp::create(builder, loc, type, wide);
}

static Value buildIntegerCast(OpBuilder &builder, Location loc, Value x, Type type) {
  if (x.getType().isIndex() || type.isIndex()) {
    if (x.getType().isInteger(1))
      return arith::IndexCastUIOp::create(builder, loc, type, x);
    return arith::IndexCastOp::create(builder, loc, type, x);
  }
  unsigned from = x.getType().getIntOrFloatBitWidth(), to = type.getIntOrFloatBitWidth();
  if (from > to)
    return arith::TruncIOp::create(builder, loc, type, x);
  if (from == 1)
    return arith::ExtUIOp::create(builder, loc, type, x);
  return arith::ExtSIOp::create(builder, loc, type, x);
}

/// LLVM converts only integers of known width to and from floats.
static Value indexAsInteger(OpBuilder &builder, Location loc, Value x) {
  if (!x.getType().isIndex())
    return x;
  return arith::IndexCastOp::create(builder, loc, builder.getI64Type(), x);
}

static Value buildIntegerToFloat(OpBuilder &builder, Location loc, Value x, FloatType type) {
  x = indexAsInteger(builder, loc, x);
  if (x.getType().isInteger(1))
    return arith::UIToFPOp::create(builder, loc, type, x);
  return arith::SIToFPOp::create(builder, loc, type, x);
}

/// Cuts off the fraction. What lies outside the integer type becomes the closest integer in it and
/// NaN becomes 0: arith.fptosi alone leaves these undefined, and T5's buckets of distance 0 are
/// one.
static Value buildFloatToInteger(OpBuilder &builder, Location loc, Value x, IntegerType type) {
  if (x.getType().getIntOrFloatBitWidth() < 32)
    x = arith::ExtFOp::create(builder, loc, builder.getF32Type(), x);
  auto from = cast<FloatType>(x.getType());
  APFloat limit(from.getFloatSemantics(), 1);
  limit = scalbn(limit, type.getWidth() - 1, APFloat::rmNearestTiesToEven);
  APFloat lowest = neg(limit), highest = limit;
  highest.next(/*nextDown=*/true);
  auto constant = [&](const APFloat &value) -> Value {
    return arith::ConstantFloatOp::create(builder, loc, from, value);
  };
  auto compare = [&](arith::CmpFPredicate predicate, Value a, Value b) -> Value {
    return arith::CmpFOp::create(builder, loc, predicate, a, b);
  };
  Value isNumber = compare(arith::CmpFPredicate::ORD, x, x);
  x = arith::SelectOp::create(builder, loc, isNumber, x,
                              constant(APFloat::getZero(from.getFloatSemantics())));
  Value isAbove = compare(arith::CmpFPredicate::OGE, x, constant(limit));
  x = arith::MaximumFOp::create(builder, loc, x, constant(lowest));
  x = arith::MinimumFOp::create(builder, loc, x, constant(highest));
  Value integer = arith::FPToSIOp::create(builder, loc, type, x);
  Value largest = arith::ConstantOp::create(
      builder, loc, builder.getIntegerAttr(type, APInt::getSignedMaxValue(type.getWidth())));
  return arith::SelectOp::create(builder, loc, isAbove, largest, integer);
}

Value fovea::buildCast(OpBuilder &builder, Location loc, Value x, Type type) {
  Type from = x.getType();
  if (from == type)
    return x;
  if (type.isInteger(1))
    return buildCompare(builder, loc, CompareKind::Ne, x, buildConstant(builder, loc, 0, from));
  if (auto floatType = dyn_cast<FloatType>(type))
    return isa<FloatType>(from) ? buildFloatCast(builder, loc, x, floatType)
                                : buildIntegerToFloat(builder, loc, x, floatType);
  if (!isa<FloatType>(from))
    return buildIntegerCast(builder, loc, x, type);
  auto integer = cast<IntegerType>(type.isIndex() ? builder.getI64Type() : type);
  Value converted = buildFloatToInteger(builder, loc, x, integer);
  return type.isIndex() ? arith::IndexCastOp::create(builder, loc, type, converted) : converted;
}
