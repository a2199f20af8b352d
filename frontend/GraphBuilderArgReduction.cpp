// The places of the largest and smallest elements.
#include "dialect/AttnOps.h"
#include "frontend/GraphBuilderDetail.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

/// The draw at temperature 0, which has a kernel of its own.
GraphBuilder::TensorOrError GraphBuilder::drawLargest(const SymbolicTensor &rows) {
  if (rows.rank() != 2) { // the kernel's rows are in a matrix
    ArrayRef<SymbolicDim> kept = ArrayRef(rows.shape).drop_back();
    Expected<SymbolicDim> count = numElements(kept);
    TensorOrError matrix =
        count ? reshape(rows, {*count, rows.shape.back()}) : TensorOrError(count.takeError());
    TensorOrError drawn = matrix ? drawLargest(*matrix) : matrix.takeError();
    return drawn ? reshape(*drawn, kept) : drawn.takeError();
  }
  Type f32 = ir.getF32Type(), i64 = ir.getI64Type();
  Expected<Value> init = emptyTensor(rows.dim(0), i64);
  if (!init)
    return init.takeError();
  auto constant = [&](double value, Type type) {
    return buildConstant(ir, currentLoc, value, type);
  };
  auto op = attn::SampleOp::create(ir, currentLoc, init->getType(), rows.value, *init,
                                   /*temperature=*/constant(0, f32), /*topK=*/constant(0, i64),
                                   /*topP=*/constant(1, f32), /*minP=*/constant(0, f32),
                                   /*seed=*/constant(0, i64));
  return SymbolicTensor{op.getResult(0), SymbolicShape{rows.dim(0)}};
}

GraphBuilder::TensorOrError GraphBuilder::argExtreme(ReduceKind kind, const SymbolicTensor &x,
                                                     ArrayRef<int64_t> kept) {
  StringRef name = kind == ReduceKind::ArgMax ? "argmax" : "argmin";
  int64_t numReduced = x.rank() - static_cast<int64_t>(kept.size());
  if (numReduced > 1 && !kept.empty())
    return makeError(name + ": expected one dim to reduce, or all, got " + Twine(numReduced) +
                     " of " + x.str());
  TensorOrError keys = kind == ReduceKind::ArgMax ? x : inOppositeOrder(*this, x);
  if (keys && numReduced > 1) {
    Expected<SymbolicDim> count = numElements(x.shape);
    keys = count ? reshape(*keys, *count) : TensorOrError(count.takeError());
  }
  int64_t dim = 0;
  while (llvm::is_contained(kept, dim))
    ++dim;
  return keys ? argMax(*keys, dim) : std::move(keys);
}

/// The first place where a row holds its largest element, as a minimum: along rows lanes can each
/// keep one number, but not a pair.
static Value buildFirstPlace(OpBuilder &b, Location loc, int64_t dim, ValueRange elements) {
  Value position = buildCast(b, loc, linalg::IndexOp::create(b, loc, dim), b.getI64Type());
  Value isLargest = buildCompare(b, loc, CompareKind::Eq, elements[0], elements[1]);
  Value none = arith::ConstantOp::create(b, loc, extremeAttr(b.getI64Type(), /*isLowest=*/false));
  Value place = arith::SelectOp::create(b, loc, isLargest, position, none);
  return buildBinary(b, loc, BinaryKind::Min, place, elements[2]);
}

// The pair (best, index) is folded by "greater, or equal with a lower index", which is associative
// and commutative, so the result depends on no order of visits. NaN is never greater.
GraphBuilder::TensorOrError GraphBuilder::argMax(const SymbolicTensor &x, int64_t reduced) {
  bool isAlongRows = reduced + 1 == x.rank();
  if (isAlongRows && isa<FloatType>(x.elementType()))
    return drawLargest(x);
  IndexList kept = identityLoops(x.rank());
  kept.erase(kept.begin() + reduced);
  SymbolicShape shape = pickDims(x.shape, kept);
  Type indexType = ir.getI64Type();
  AffineMap resultMap = loopMap(kept, x.shape.size(), ir.getContext());
  AffineMap map = ir.getMultiDimIdentityMap(static_cast<unsigned>(x.rank()));
  if (isAlongRows) {
    TensorOrError largest = fold(ReduceKind::Max, x, kept);
    Expected<Value> none = filledTensor(shape, extremeAttr(indexType, /*isLowest=*/false));
    if (!largest || !none)
      return largest ? none.takeError() : largest.takeError();
    auto op = linalg::GenericOp::create(
        ir, currentLoc, none->getType(), ValueRange{x.value, largest->value}, *none,
        {map, resultMap, resultMap}, iteratorsOf(x.shape.size(), kept),
        [&](OpBuilder &builder, Location loc, ValueRange elements) {
          linalg::YieldOp::create(builder, loc, buildFirstPlace(builder, loc, reduced, elements));
        });
    return SymbolicTensor{op.getResult(0), std::move(shape)};
  }
  Expected<Value> best = filledTensor(shape, extremeAttr(x.elementType(), /*isLowest=*/true));
  Expected<Value> index = best ? filledTensor(shape, constantAttr(0, indexType)) : best.takeError();
  if (!index)
    return index.takeError();
  auto buildBody = [&](OpBuilder &builder, Location loc, ValueRange elements) {
    Value position =
        buildCast(builder, loc, linalg::IndexOp::create(builder, loc, reduced), indexType);
    Value isGreater = buildCompare(builder, loc, CompareKind::Gt, elements[0], elements[1]);
    Value isEqual = buildCompare(builder, loc, CompareKind::Eq, elements[0], elements[1]);
    Value isEarlier = buildCompare(builder, loc, CompareKind::Lt, position, elements[2]);
    Value wins = arith::OrIOp::create(builder, loc, isGreater,
                                      arith::AndIOp::create(builder, loc, isEqual, isEarlier));
    Value newBest = arith::SelectOp::create(builder, loc, wins, elements[0], elements[1]);
    Value newIndex = arith::SelectOp::create(builder, loc, wins, position, elements[2]);
    linalg::YieldOp::create(builder, loc, ValueRange{newBest, newIndex});
  };
  auto op =
      linalg::GenericOp::create(ir, currentLoc, TypeRange{best->getType(), index->getType()},
                                x.value, ValueRange{*best, *index}, {map, resultMap, resultMap},
                                iteratorsOf(x.shape.size(), kept), buildBody);
  return SymbolicTensor{op.getResult(1), std::move(shape)};
}
