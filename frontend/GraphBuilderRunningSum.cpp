// Sums of all elements up to each.
#include "frontend/GraphBuilderDetail.h"
#include "frontend/ScalarOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

/// In f64 n additions err less than the rounding of a sum to f32, if n is below 2^29.
static Type sumType(Type type) {
  if (isa<IntegerType>(type))
    return IntegerType::get(type.getContext(), 64);
  return Float64Type::get(type.getContext());
}

// The sum so far is one result of a reduction, all of whose values are the other one.
GraphBuilder::TensorOrError GraphBuilder::cumulativeSum(const SymbolicTensor &x, int64_t dim) {
  Expected<int64_t> position = normalizeDim("cumsum", dim, x.rank());
  if (!position)
    return position.takeError();
  Type type = x.elementType(), wide = sumType(type);
  Type result = isa<IntegerType>(type) ? wide : type;
  SymbolicShape rest = x.shape;
  rest.erase(rest.begin() + *position);
  Expected<Value> totals = filledTensor(rest, cast<TypedAttr>(ir.getZeroAttr(wide)));
  Expected<Value> sums = totals ? emptyTensor(x.shape, result) : totals.takeError();
  if (!sums)
    return sums.takeError();
  AffineMap all = ir.getMultiDimIdentityMap(static_cast<unsigned>(x.rank()));
  SmallVector<AffineMap> maps = {all, all.dropResult(*position), all};
  SmallVector<utils::IteratorType> iterators(x.rank(), utils::IteratorType::parallel);
  iterators[*position] = utils::IteratorType::reduction;
  auto body = [&](OpBuilder &b, Location loc, ValueRange elements) {
    Value term = buildCast(b, loc, elements[0], wide);
    Value sum = buildBinary(b, loc, BinaryKind::Add, elements[1], term);
    // Processors round f64 to no less than f32.
    Value rounded = type.isF16() || type.isBF16() ? buildCast(b, loc, sum, b.getF32Type()) : sum;
    linalg::YieldOp::create(b, loc, ValueRange{sum, buildCast(b, loc, rounded, result)});
  };
  auto op = linalg::GenericOp::create(ir, currentLoc, TypeRange{totals->getType(), sums->getType()},
                                      x.value, ValueRange{*totals, *sums}, maps, iterators, body);
  return SymbolicTensor{op.getResult(1), x.shape};
}
