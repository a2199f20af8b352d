#include "frontend/SizeNumbers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"
#include <cmath>

using namespace mlir;

namespace fovea {

namespace {
/// What a size number is computed of, each op after those that it uses.
struct Computation {
  SetVector<Operation *> ops;
  bool usesSize = false;
  bool isExact = true; // no number was rounded to f32
  size_t looked = 0;

  bool add(Value value);
};
} // namespace

static bool isSize(arith::SIToFPOp op) {
  auto cast = op.getIn().getDefiningOp<arith::IndexCastOp>();
  return cast && cast.getIn().getType().isIndex();
}

/// Few numbers that are no multiples of 1/1024 have all their digits in f32.
static bool isExactInF32(const APFloat &number) {
  double scaled = number.convertToDouble() * 1024;
  return std::abs(scaled) < 0x1p24 && scaled == std::floor(scaled);
}

/// False if `value` is anything else than a number of sizes, or of more steps than anybody writes.
bool Computation::add(Value value) {
  constexpr size_t most = 256;
  Operation *op = value.getDefiningOp();
  if (!op || !value.getType().isF32() || ++looked > most)
    return false;
  if (ops.contains(op))
    return true;
  APFloat number(0.0f);
  auto size = dyn_cast<arith::SIToFPOp>(op);
  if (matchPattern(op, m_ConstantFloat(&number)))
    isExact &= isExactInF32(number);
  else if (size && isSize(size))
    usesSize = true;
  else if (!isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) ||
           op->getNumResults() != 1 ||
           !llvm::all_of(op->getOperands(), [&](Value operand) { return add(operand); }))
    return false;
  return ops.insert(op);
}

static Value elementOf(const SymbolicTensor &x) {
  auto elements = x.rank() == 0 ? x.value.getDefiningOp<tensor::FromElementsOp>() : nullptr;
  return elements ? elements.getElements().front() : Value();
}

static std::optional<Computation> computationOf(const SymbolicTensor &x) {
  Value element = elementOf(x);
  Computation computation;
  bool isNumber = element && computation.add(element) && computation.usesSize;
  return isNumber ? std::optional(std::move(computation)) : std::nullopt;
}

bool isSizeNumber(const SymbolicTensor &x) { return computationOf(x).has_value(); }

Type typeInRegion(const SymbolicTensor &x, Type regionFloat) {
  return regionFloat.isF64() && isSizeNumber(x) ? regionFloat : x.elementType();
}

/// The last value of the computation, done in f64.
static Value computeWide(OpBuilder &builder, const Computation &computation) {
  IRMapping wide;
  Value last;
  for (Operation *op : computation.ops) {
    APFloat number(0.0f);
    if (matchPattern(op, m_ConstantFloat(&number))) {
      last = arith::ConstantOp::create(builder, op->getLoc(),
                                       builder.getF64FloatAttr(number.convertToDouble()));
    } else {
      Operation *copy = builder.clone(*op, wide);
      copy->getResult(0).setType(builder.getF64Type());
      last = copy->getResult(0);
    }
    wide.map(op->getResult(0), last);
  }
  return last;
}

std::optional<SymbolicTensor> sizeNumberAs(const SymbolicTensor &x, Type type) {
  std::optional<Computation> computation = computationOf(x);
  if (!computation || !isa<FloatType>(type))
    return std::nullopt;
  if (type.isF64() && !computation->isExact)
    return std::nullopt;
  // Beside the scalar itself, where it may stand outside of the region that asks.
  Operation *op = x.value.getDefiningOp();
  OpBuilder builder(op->getContext());
  builder.setInsertionPointAfter(op);
  Value element = elementOf(x);
  if (type.isF64())
    element = computeWide(builder, *computation);
  else if (!type.isF32())
    element = arith::TruncFOp::create(builder, op->getLoc(), type, element);
  Value scalar = tensor::FromElementsOp::create(builder, op->getLoc(),
                                                RankedTensorType::get({}, type), element);
  return SymbolicTensor{scalar, {}};
}

} // namespace fovea
