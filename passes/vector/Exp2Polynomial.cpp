#include "passes/vector/Exp2Polynomial.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace fovea;

// 2^f = 1 + c1 f + ... + c5 f^5 on [-1/2, 1/2]: the best relative error with the constant term
// held at 1, then searched over floats with the evaluation order below.
static constexpr double coefficients[] = {0x1.5d822ep-10, 0x1.3cde6ep-7, 0x1.c6b34cp-5,
                                          0x1.ebf9f4p-3, 0x1.62e42ep-1};

llvm::ArrayRef<double> fovea::exp2Coefficients() { return coefficients; }

// 1.5 * 2^23 + 127. A float of this size has no fraction bits, so adding it rounds to an
// integer, whose low bits then hold the biased exponent of 2^n.
static constexpr double roundAndBias = 12583039.0;

/// 2^f for |f| <= 1/2.
static Value emitPolynomial(EmitBuilder &b, Value fraction, bool fusedMultiplyAdd) {
  Type type = fraction.getType();
  auto multiplyAdd = [&](Value sum, double coefficient) -> Value {
    Value addend = b.constant(type, coefficient);
    if (fusedMultiplyAdd)
      return math::FmaOp::create(b, sum, fraction, addend);
    return arith::AddFOp::create(b, arith::MulFOp::create(b, sum, fraction).getResult(), addend);
  };
  Value sum = b.constant(type, coefficients[0]);
  for (double coefficient : llvm::drop_begin(coefficients))
    sum = multiplyAdd(sum, coefficient);
  return multiplyAdd(sum, 1.0);
}

Value fovea::emitExp2InRange(EmitBuilder &b, Value x, bool fusedMultiplyAdd) {
  Type type = x.getType();
  Type bitsType = b.getI32Type();
  if (auto vector = dyn_cast<VectorType>(type))
    bitsType = vector.clone(bitsType);
  Value magic = b.constant(type, roundAndBias);
  Value biased = arith::AddFOp::create(b, x, magic);
  Value integer = arith::SubFOp::create(b, biased, magic);
  Value fraction = arith::SubFOp::create(b, x, integer);
  Value bits = arith::BitcastOp::create(b, bitsType, biased);
  bits = arith::ShLIOp::create(b, bits, b.constant(bitsType, 23));
  Value power = arith::BitcastOp::create(b, type, bits);
  return arith::MulFOp::create(b, emitPolynomial(b, fraction, fusedMultiplyAdd), power);
}

/// The intrinsics that AVX-512 has for this take a register, what stands for lanes that a mask
/// leaves out, the mask, and how to round: here as the CPU does anyway.
static Value emitProductWithPower(EmitBuilder &b, Value x, Value exponent, llvm::StringRef name) {
  auto number = [&](IntegerType type, int64_t value) -> Value {
    return LLVM::ConstantOp::create(b, type, b.getIntegerAttr(type, value));
  };
  constexpr int64_t currentRounding = 4;
  int64_t lanes = cast<VectorType>(x.getType()).getNumElements();
  Value arguments[] = {x, exponent, b.constant(x.getType(), 0.0),
                       number(b.getIntegerType(lanes), -1),
                       number(b.getI32Type(), currentRounding)};
  return LLVM::CallIntrinsicOp::create(b, x.getType(), b.getStringAttr(name), arguments)
      .getResults();
}

// Below -126.5 the other form has a power of 0. The comparison is false for NaN.
static Value emitExp2ByPower(EmitBuilder &b, Value x, bool fusedMultiplyAdd,
                             llvm::StringRef multiplyByPower) {
  Value integer = math::RoundEvenOp::create(b, x);
  Value fraction = arith::SubFOp::create(b, x, integer);
  Value power = emitProductWithPower(b, emitPolynomial(b, fraction, fusedMultiplyAdd), integer,
                                     multiplyByPower);
  Value tooLow =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, b.constant(x.getType(), -126.5));
  return arith::SelectOp::create(b, tooLow, b.constant(x.getType(), 0.0), power);
}

Value fovea::emitExp2(EmitBuilder &b, Value x, bool fusedMultiplyAdd,
                      llvm::StringRef multiplyByPower) {
  if (!getElementTypeOrSelf(x.getType()).isF32())
    return math::Exp2Op::create(b, x);
  if (!multiplyByPower.empty() && isa<VectorType>(x.getType()))
    return emitExp2ByPower(b, x, fusedMultiplyAdd, multiplyByPower);
  // At -127 the biased exponent is 0 and so is the power. The comparison is false for NaN.
  Value lowest = b.constant(x.getType(), -127.0);
  Value tooLow = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, lowest, x);
  x = arith::SelectOp::create(b, tooLow, lowest, x);
  return emitExp2InRange(b, x, fusedMultiplyAdd);
}
