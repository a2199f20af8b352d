#include "passes/buffers/OutsideBounds.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace fovea;
using Variable = ValueBoundsConstraintSet::Variable;

/// Whether nothing of how `value` is computed changes between iterations.
bool OutsideBounds::isInvariant(Value value) {
  if (forall.isDefinedOutsideOfLoop(value))
    return true;
  Operation *def = value.getDefiningOp();
  return def && isPure(def) && def->getNumRegions() == 0 &&
         llvm::all_of(def->getOperands(), [&](Value operand) { return isInvariant(operand); });
}

/// An invariant value, computed at the builder's place.
Value OutsideBounds::computeOutside(Value value, IRMapping &done) {
  if (Value outside = done.lookupOrNull(value))
    return outside;
  if (forall.isDefinedOutsideOfLoop(value))
    return value;
  for (Value operand : value.getDefiningOp()->getOperands())
    done.map(operand, computeOutside(operand, done));
  b.clone(*value.getDefiningOp(), done);
  return done.lookup(value);
}

FailureOr<Value> OutsideBounds::constant(const Variable &size) {
  FailureOr<int64_t> constant = ValueBoundsConstraintSet::computeConstantBound(
      presburger::BoundType::UB, size, /*stopCondition=*/nullptr, /*closedUB=*/true);
  if (failed(constant))
    return failure();
  return arith::ConstantIndexOp::create(b, forall.getLoc(), *constant).getResult();
}

FailureOr<Value> OutsideBounds::symbolic(const Variable &size) {
  Location loc = forall.getLoc();
  auto stop = [&](Value value, std::optional<int64_t>, ValueBoundsConstraintSet &) {
    return forall.isDefinedOutsideOfLoop(value);
  };
  AffineMap map;
  ValueDimList operands;
  if (failed(ValueBoundsConstraintSet::computeBound(map, operands, presburger::BoundType::UB, size,
                                                    stop, /*closedUB=*/true)))
    return failure();
  SmallVector<Value> values;
  for (auto [value, dim] : operands) {
    if (!forall.isDefinedOutsideOfLoop(value))
      return failure();
    values.push_back(dim ? memref::DimOp::create(b, loc, value, *dim).getResult() : value);
  }
  return affine::AffineApplyOp::create(b, loc, map, values).getResult();
}

FailureOr<Value> OutsideBounds::of(AffineExpr expr, AffineMap map, ValueRange operands) {
  Variable alone(AffineMap::get(map.getNumDims(), map.getNumSymbols(), expr), operands);
  if (FailureOr<Value> bound = constant(alone); succeeded(bound))
    return bound;
  if (FailureOr<Value> bound = symbolic(alone); succeeded(bound))
    return bound;
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return of(operands[dim.getPosition()]);
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return of(operands[map.getNumDims() + symbol.getPosition()]);
  auto sum = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!sum || sum.getKind() != AffineExprKind::Add)
    return failure();
  FailureOr<Value> left = of(sum.getLHS(), map, operands);
  FailureOr<Value> right = of(sum.getRHS(), map, operands);
  if (failed(left) || failed(right))
    return failure();
  return b.createOrFold<arith::AddIOp>(forall.getLoc(), *left, *right);
}

FailureOr<Value> OutsideBounds::ofMaximum(AffineMap map, ValueRange operands) {
  FailureOr<Value> largest = failure();
  for (AffineExpr expr : map.getResults()) {
    FailureOr<Value> bound = of(expr, map, operands);
    if (failed(bound))
      return failure();
    largest = succeeded(largest) ? b.createOrFold<arith::MaxSIOp>(forall.getLoc(), *largest, *bound)
                                 : *bound;
  }
  return largest;
}

FailureOr<Value> OutsideBounds::of(Value size) {
  if (FailureOr<Value> bound = constant(size); succeeded(bound))
    return bound;
  if (isInvariant(size)) {
    IRMapping done;
    return computeOutside(size, done);
  }
  if (FailureOr<Value> bound = symbolic(size); succeeded(bound))
    return bound;
  if (auto maximum = size.getDefiningOp<affine::AffineMaxOp>())
    return ofMaximum(maximum.getAffineMap(), maximum.getOperands());
  if (auto apply = size.getDefiningOp<affine::AffineApplyOp>())
    return of(apply.getAffineMap().getResult(0), apply.getAffineMap(), apply.getOperands());
  return failure();
}
