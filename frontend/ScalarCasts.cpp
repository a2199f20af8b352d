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
  Type integer = type.isIndex() ? builder.getI64Type() : type;
  Value converted = arith::FPToSIOp::create(builder, loc, integer, x);
  return type.isIndex() ? arith::IndexCastOp::create(builder, loc, type, converted) : converted;
}
