// Sums of all elements up to each.
#include "frontend/GraphBuilderDetail.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

/// The least n for which 2^n is at least the size.
static Value doublings(OpBuilder &b, Location loc, Value size) {
  Value count = arith::ConstantIndexOp::create(b, loc, 0);
  for (int64_t bit = 0; bit < 32; ++bit) {
    Value power = arith::ConstantIndexOp::create(b, loc, int64_t(1) << bit);
    Value isLess = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, power, size);
    Value one = arith::IndexCastUIOp::create(b, loc, b.getIndexType(), isLess);
    count = arith::AddIOp::create(b, loc, count, one);
  }
  return count;
}

/// What sums are kept in.
static Type sumType(Type type) {
  if (isa<IntegerType>(type))
    return IntegerType::get(type.getContext(), 64);
  return type.isF16() || type.isBF16() ? Float32Type::get(type.getContext()) : type;
}

/// Every element and the one `shift` places before it, if there is one.
GraphBuilder::TensorOrError GraphBuilder::addShifted(const SymbolicTensor &x, int64_t dim,
                                                     Value shift) {
  auto body = [&](OpBuilder &b, ValueRange elements) -> Value {
    SmallVector<Value> at;
    for (int64_t d = 0; d < x.rank(); ++d)
      at.push_back(linalg::IndexOp::create(b, currentLoc, d));
    Value isThere = arith::CmpIOp::create(b, currentLoc, arith::CmpIPredicate::sge, at[dim], shift);
    Value zero = arith::ConstantIndexOp::create(b, currentLoc, 0);
    Value before = arith::SubIOp::create(b, currentLoc, at[dim], shift);
    at[dim] = arith::MaxSIOp::create(b, currentLoc, before, zero);
    Value other = tensor::ExtractOp::create(b, currentLoc, x.value, at);
    Value none = arith::ConstantOp::create(b, currentLoc, b.getZeroAttr(x.elementType()));
    other = arith::SelectOp::create(b, currentLoc, isThere, other, none);
    return buildBinary(b, currentLoc, BinaryKind::Add, elements[0], other);
  };
  return elementwise(x, x.shape, x.elementType(), body);
}

// By doubling: after n steps each element is the sum of 2^n, as far as there are so many (Hillis
// and Steele, 1986). Any number of threads works on a step, and errors grow with the logarithm of
// the size.
GraphBuilder::TensorOrError GraphBuilder::cumulativeSum(const SymbolicTensor &x, int64_t dim) {
  Expected<int64_t> position = normalizeDim("cumsum", dim, x.rank());
  if (!position)
    return position.takeError();
  Type type = x.elementType(), wide = sumType(type);
  TensorOrError sums = cast(x, wide);
  Expected<Value> size = sums ? dimValue(x.dim(*position)) : sums.takeError();
  if (!size)
    return size.takeError();
  auto constant = x.dim(*position).constant();
  Value steps =
      constant ? constantIndex(llvm::Log2_64_Ceil(*constant)) : doublings(ir, currentLoc, *size);
  auto step = [&](Value n, ArrayRef<SymbolicTensor> carried) -> Expected<Tensors> {
    Value one = arith::ConstantIndexOp::create(ir, currentLoc, 1);
    Value shift = arith::ShLIOp::create(ir, currentLoc, one, n);
    TensorOrError next = addShifted(carried.front(), *position, shift);
    if (!next)
      return next.takeError();
    return Tensors{*next};
  };
  Expected<Tensors> result = loopTo(steps, *sums, step);
  if (!result)
    return result.takeError();
  return isa<IntegerType>(type) ? TensorOrError(result->front()) : cast(result->front(), type);
}
