#include "passes/vector/Exp2Polynomial.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
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
  auto multiplyAdd = [&](Value sum, double coefficient) -> Value {
    Value addend = b.constant(type, coefficient);
    if (fusedMultiplyAdd)
      return math::FmaOp::create(b, sum, fraction, addend);
    return arith::AddFOp::create(b, arith::MulFOp::create(b, sum, fraction).getResult(), addend);
  };
  Value sum = b.constant(type, coefficients[0]);
  for (double coefficient : llvm::drop_begin(coefficients))
    sum = multiplyAdd(sum, coefficient);
  sum = multiplyAdd(sum, 1.0);
  return arith::MulFOp::create(b, sum, power);
}

Value fovea::emitExp2(EmitBuilder &b, Value x, bool fusedMultiplyAdd) {
  if (!getElementTypeOrSelf(x.getType()).isF32())
    return math::Exp2Op::create(b, x);
  // At -127 the biased exponent is 0 and so is the power. The comparison is false for NaN.
  Value lowest = b.constant(x.getType(), -127.0);
  Value tooLow = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, lowest, x);
  x = arith::SelectOp::create(b, tooLow, lowest, x);
  return emitExp2InRange(b, x, fusedMultiplyAdd);
}
