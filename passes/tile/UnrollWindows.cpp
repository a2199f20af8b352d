// Sums, maxima and products of short windows, read where their elements come from. Places of
// windows and taps are loops of the reduction; its taps are written one behind the other, so that
// what is left is an elementwise op whose operands are the source at so many distances, and nothing
// stores windows. Reductions of reductions, as along two dims of an image, become one such op.
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "passes/Report.h"
#include "passes/contraction/PanelProduct.h"
#include "passes/tensors/DimSizes.h"
#include "passes/tile/Decompose.h"
#include "passes/tile/WindowReading.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace fovea;

/// More than these would make code long and fill the registers: such windows are stored.
static constexpr int64_t mostReads = 96, mostOperations = 512;

/// From so many taps on, a product's windows are better stored.
static constexpr int64_t mostTaps = 64;

namespace {
/// Elements of one tensor that the unrolled op reads: an operand of it.
struct Read {
  Value tensor;
  SmallVector<AffineExpr> at; // by dims of the root's result
  Value element;              // argument of the body
  bool isWindows;             // which have fewer places than the tensor elements
};

class WindowUnroller {
public:
  WindowUnroller(OpBuilder &builder, linalg::GenericOp root) : b(builder), root(root) {}
  ~WindowUnroller() {
    if (body && !body->getParent())
      delete body;
  }

  /// Null where the root reads no windows, or too much of them.
  linalg::GenericOp unroll();

private:
  Value read(Value tensor, ArrayRef<AffineExpr> at);
  Value readLeaf(Value tensor, ArrayRef<AffineExpr> at, bool isWindows = false);
  Value expand(linalg::GenericOp op, ArrayRef<AffineExpr> at);
  Value cloneBody(linalg::GenericOp op, ArrayRef<AffineExpr> loops, Value before);
  void turnAcrossRows(Read &operand);
  Value slice(Read &operand);

  OpBuilder &b;
  linalg::GenericOp root;
  Block *body = nullptr;
  SmallVector<Read> reads;
  bool readsWindows = false, isTooLong = false;
  int64_t operations = 0;
};
} // namespace

//===------------------------------------------------------------------------------------------===//
// What can be unrolled
//===------------------------------------------------------------------------------------------===//

/// Whether the op makes one tensor, each element once but for loops that it reduces: short ones, for
/// they are unrolled.
static bool canUnroll(linalg::GenericOp op) {
  if (!op.hasPureTensorSemantics() || op.getNumDpsInits() != 1 || op.hasIndexSemantics())
    return false;
  AffineMap result = op.getIndexingMapsArray().back();
  if (!result.isProjectedPermutation() || result.getNumResults() != op.getNumParallelLoops())
    return false;
  int64_t taps = 1;
  for (auto [size, iterator] : llvm::zip(op.getStaticLoopRanges(), op.getIteratorTypesArray()))
    if (!linalg::isParallelIterator(iterator)) {
      if (ShapedType::isDynamic(size) || size > mostTaps)
        return false;
      taps *= size;
    }
  return taps <= mostTaps && llvm::all_of(*op.getBody(), [](Operation &inner) {
           return inner.getNumRegions() == 0 && !isa<tensor::ExtractOp>(inner);
         });
}

/// Whether each loop that the op reduces is a tap: a dim of windows that is added to another.
static bool reducesTaps(linalg::GenericOp op) {
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  return llvm::all_of(llvm::seq(op.getNumLoops()), [&](unsigned loop) {
    if (linalg::isParallelIterator(iterators[loop]))
      return true;
    return llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *input) {
      AffineMap map = op.getMatchingIndexingMap(input);
      auto dim = map.getResultPosition(getAffineDimExpr(loop, op.getContext()));
      if (!dim)
        return false;
      if (auto windows = findWindows(input->get()))
        return windows->isAdded(*dim);
      // Taps that another reduction left.
      auto producer = input->get().getDefiningOp<linalg::GenericOp>();
      return producer && canUnroll(producer) && reducesTaps(producer);
    });
  });
}

/// Whether elements at these places are read once: no place is a sum, which others could reach too.
static bool areDistinct(ArrayRef<AffineExpr> at, unsigned dims) {
  llvm::SmallBitVector seen(dims);
  for (AffineExpr expr : at) {
    if (isa<AffineConstantExpr>(expr))
      continue;
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim || seen.test(dim.getPosition()))
      return false;
    seen.set(dim.getPosition());
  }
  return seen.all();
}

//===------------------------------------------------------------------------------------------===//
// Reading
//===------------------------------------------------------------------------------------------===//

static SmallVector<AffineExpr> replaceDims(ArrayRef<AffineExpr> exprs, ArrayRef<AffineExpr> dims,
                                           unsigned numDims) {
  return llvm::map_to_vector(exprs, [&](AffineExpr expr) {
    return simplifyAffineExpr(expr.replaceDims(dims), numDims, 0);
  });
}

Value WindowUnroller::readLeaf(Value tensor, ArrayRef<AffineExpr> at, bool isWindows) {
  for (const Read &known : reads)
    if (known.tensor == tensor && ArrayRef(known.at) == at)
      return known.element;
  isTooLong |= static_cast<int64_t>(reads.size()) >= mostReads;
  Value element = body->addArgument(getElementTypeOrSelf(tensor.getType()), root.getLoc());
  reads.push_back({tensor, llvm::to_vector(at), element, isWindows});
  return element;
}

Value WindowUnroller::read(Value tensor, ArrayRef<AffineExpr> at) {
  unsigned dims = cast<RankedTensorType>(root.getResult(0).getType()).getRank();
  if (auto windows = findWindows(tensor)) {
    readsWindows = true;
    return readLeaf(windows->source, replaceDims(windows->at, at, dims), /*isWindows=*/true);
  }
  auto producer = tensor.getDefiningOp<linalg::GenericOp>();
  if (producer && producer->hasOneUse() && canUnroll(producer) &&
      producer.getNumReductionLoops() > 0 && reducesTaps(producer) && areDistinct(at, dims))
    return expand(producer, at);
  return readLeaf(tensor, at);
}

/// The body with what it reads at these loops; `before` is what a reduction has so far.
Value WindowUnroller::cloneBody(linalg::GenericOp op, ArrayRef<AffineExpr> loops, Value before) {
  unsigned dims = cast<RankedTensorType>(root.getResult(0).getType()).getRank();
  IRMapping map;
  for (OpOperand *input : op.getDpsInputOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(input);
    if (argument.use_empty())
      continue;
    if (op.isScalar(input))
      map.map(argument, input->get());
    else
      map.map(argument, read(input->get(), replaceDims(op.getMatchingIndexingMap(input).getResults(),
                                                       loops, dims)));
  }
  if (before)
    map.map(op.getRegionOutputArgs()[0], before);
  for (Operation &inner : op.getBody()->without_terminator()) {
    isTooLong |= ++operations > mostOperations;
    b.clone(inner, map);
  }
  return map.lookupOrDefault(op.getBody()->getTerminator()->getOperand(0));
}

/// The element of the op's result at these places.
Value WindowUnroller::expand(linalg::GenericOp op, ArrayRef<AffineExpr> at) {
  SmallVector<AffineExpr> loops(op.getNumLoops(), b.getAffineConstantExpr(0));
  for (auto [expr, place] : llvm::zip(op.getIndexingMapsArray().back().getResults(), at))
    loops[cast<AffineDimExpr>(expr).getPosition()] = place;
  Value before;
  OpOperand *init = op.getDpsInitOperand(0);
  if (op.payloadUsesValueFromOperand(init)) {
    auto fill = init->get().getDefiningOp<linalg::FillOp>();
    before = fill ? fill.getInputs()[0] : readLeaf(init->get(), at);
  }
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  int64_t taps = 1;
  for (unsigned loop : reduced)
    taps *= sizes[loop];
  for (int64_t tap = 0; tap < taps && !isTooLong; ++tap) {
    int64_t rest = tap;
    for (unsigned loop : llvm::reverse(reduced)) {
      loops[loop] = b.getAffineConstantExpr(rest % sizes[loop]);
      rest /= sizes[loop];
    }
    before = cloneBody(op, loops, before);
  }
  return before;
}

//===------------------------------------------------------------------------------------------===//
// The unrolled op
//===------------------------------------------------------------------------------------------===//

/// A factor of each tap whose neighbours along the rows of the result lie a window apart, as those of
/// a depthwise convolution do, is put in the order of these rows: it is as large as some of them.
void WindowUnroller::turnAcrossRows(Read &operand) {
  auto type = cast<RankedTensorType>(operand.tensor.getType());
  AffineExpr row = b.getAffineDimExpr(cast<RankedTensorType>(root.getResult(0).getType()).getRank() - 1);
  auto *place = llvm::find(operand.at, row);
  if (operand.isWindows || place == operand.at.end() || place + 1 == operand.at.end() ||
      !isa<AffineConstantExpr>(operand.at.back()))
    return;
  int64_t dim = place - operand.at.begin();
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
  order.erase(order.begin() + dim);
  order.push_back(dim);
  SmallVector<OpFoldResult> sizes;
  for (int64_t from : order)
    sizes.push_back(getDimSize(b, root.getLoc(), operand.tensor, from));
  Value empty = tensor::EmptyOp::create(b, root.getLoc(), sizes, type.getElementType());
  Value turned =
      linalg::TransposeOp::create(b, root.getLoc(), operand.tensor, empty, order)->getResult(0);
  SmallVector<AffineExpr> at =
      llvm::map_to_vector(order, [&](int64_t from) { return operand.at[from]; });
  Value tensor = operand.tensor;
  for (Read &other : reads)
    if (other.tensor == tensor && other.at[dim] == row) {
      other.at = llvm::map_to_vector(order, [&](int64_t from) { return other.at[from]; });
      other.tensor = turned;
    }
}

/// The part of a tensor that begins with the first element that is read, and leaves out dims that are
/// numbers: tiling knows no places that are shifted.
Value WindowUnroller::slice(Read &operand) {
  auto type = cast<RankedTensorType>(operand.tensor.getType());
  if (!operand.isWindows && llvm::all_of(operand.at, llvm::IsaPred<AffineDimExpr>))
    return operand.tensor;
  SmallVector<AffineExpr> zeros(root.getNumParallelLoops(), b.getAffineConstantExpr(0)), at;
  SmallVector<OpFoldResult> offsets, sizes, strides(type.getRank(), b.getIndexAttr(1));
  SmallVector<int64_t> shape;
  for (auto [dim, expr] : llvm::enumerate(operand.at)) {
    int64_t first = cast<AffineConstantExpr>(expr.replaceDims(zeros)).getValue();
    AffineExpr rest = simplifyAffineExpr(expr - first, zeros.size(), 0);
    offsets.push_back(b.getIndexAttr(first));
    if (isa<AffineConstantExpr>(expr)) {
      sizes.push_back(b.getIndexAttr(1));
      continue;
    }
    at.push_back(rest);
    OpFoldResult size;
    if (auto place = dyn_cast<AffineDimExpr>(rest))
      size = getDimSize(b, root.getLoc(), root.getDpsInits()[0], place.getPosition());
    else
      size = affine::makeComposedFoldedAffineApply(
          b, root.getLoc(), b.getAffineDimExpr(0) - first,
          {getDimSize(b, root.getLoc(), operand.tensor, dim)});
    sizes.push_back(size);
    shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  }
  operand.at = at;
  return tensor::ExtractSliceOp::create(b, root.getLoc(),
                                        RankedTensorType::get(shape, type.getElementType()),
                                        operand.tensor, offsets, sizes, strides);
}

linalg::GenericOp WindowUnroller::unroll() {
  if (!canUnroll(root) || !reducesTaps(root))
    return nullptr;
  auto type = cast<RankedTensorType>(root.getResult(0).getType());
  SmallVector<AffineExpr> dims;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    dims.push_back(b.getAffineDimExpr(dim));
  body = new Block();
  b.setInsertionPointToStart(body);
  Value element = expand(root, dims);
  if (!readsWindows || isTooLong)
    return nullptr;
  linalg::YieldOp::create(b, root.getLoc(), element);
  body->addArgument(type.getElementType(), root.getLoc()); // what the result holds
  b.setInsertionPoint(root);
  for (Read &operand : reads)
    turnAcrossRows(operand);
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (Read &operand : reads) {
    inputs.push_back(slice(operand));
    maps.push_back(AffineMap::get(type.getRank(), 0, operand.at, b.getContext()));
  }
  maps.push_back(b.getMultiDimIdentityMap(type.getRank()));
  Value init = root.getDpsInits()[0];
  SmallVector<OpFoldResult> sizes = getDimSizes(b, root.getLoc(), init);
  Value empty = tensor::EmptyOp::create(b, root.getLoc(), sizes, type.getElementType());
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  auto unrolled = linalg::GenericOp::create(b, root.getLoc(), type, inputs, empty, maps, iterators);
  unrolled.getRegion().push_back(body);
  return unrolled;
}

void fovea::unrollWindows(func::FuncOp function) {
  SmallVector<linalg::GenericOp> ops;
  function.walk([&](linalg::GenericOp op) { ops.push_back(op); });
  IRRewriter rewriter(function.getContext());
  // Users first: a reduction of a reduction takes it along.
  for (linalg::GenericOp op : llvm::reverse(ops)) {
    if (op->use_empty())
      continue;
    rewriter.setInsertionPoint(op);
    if (linalg::GenericOp unrolled = WindowUnroller(rewriter, op).unroll()) {
      fovea::remark(unrolled, "windows", "read in place, tap by tap");
      rewriter.replaceOp(op, unrolled);
    }
  }
}
