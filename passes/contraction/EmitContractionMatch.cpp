// Finds the roles of operands and loops in a contraction, and addresses its operands.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "passes/buffers/BufferWrites.h"
#include "passes/contraction/EmitContraction.h"
#include "passes/contraction/PanelProduct.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace fovea;

static Value skipWidening(Value value) {
  auto widening = value.getDefiningOp<arith::ExtFOp>();
  return widening ? widening.getIn() : value;
}

/// The body must be `c + a * b`, factors widened at most.
static bool isMultiplyAdd(linalg::GenericOp op) {
  Block *body = op.getBody();
  auto add = body->getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!add || body->getNumArguments() != 3)
    return false;
  Value product = add.getLhs() == body->getArgument(2) ? add.getRhs() : add.getLhs();
  Value old = product == add.getLhs() ? add.getRhs() : add.getLhs();
  auto multiply = product.getDefiningOp<arith::MulFOp>();
  if (!multiply || old != body->getArgument(2))
    return false;
  Value lhs = skipWidening(multiply.getLhs()), rhs = skipWidening(multiply.getRhs());
  Value a = body->getArgument(0), b = body->getArgument(1);
  return (lhs == a && rhs == b) || (lhs == b && rhs == a);
}

static bool isContiguousAlong(linalg::GenericOp op, OpOperand &operand, unsigned dim) {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  auto type = cast<MemRefType>(operand.get().getType());
  return map.getNumResults() > 0 && type.isLastDimUnitStride() &&
         map.getResults().back() == getAffineDimExpr(dim, op.getContext());
}

/// Of several loops, the one along which `operand` is contiguous, else the last.
static std::optional<unsigned> mainLoop(linalg::GenericOp op, OpOperand &operand,
                                        ArrayRef<unsigned> dims) {
  for (unsigned dim : dims)
    if (isContiguousAlong(op, operand, dim))
      return dim;
  return dims.empty() ? std::nullopt : std::optional(dims.back());
}

static Factor makeFactor(linalg::GenericOp op, OpOperand &operand, std::optional<unsigned> row,
                         unsigned k) {
  return {&operand, row, isContiguousAlong(op, operand, k),
          row && isContiguousAlong(op, operand, *row)};
}

static std::optional<Contraction> assignRoles(linalg::GenericOp op,
                                              linalg::ContractionDimensions dims) {
  OpOperand *a = &op->getOpOperand(0), *b = &op->getOpOperand(1), *c = &op->getOpOperand(2);
  auto ofRows = [&](unsigned dim) { return isContiguousAlong(op, *c, dim); };
  if (dims.n.empty() || llvm::any_of(dims.m, ofRows)) {
    std::swap(a, b);
    std::swap(dims.m, dims.n);
  }
  if (dims.n.empty() || dims.k.empty())
    return std::nullopt;
  auto m = mainLoop(op, *a, dims.m);
  unsigned n = *mainLoop(op, *c, dims.n), k = *mainLoop(op, *b, dims.k);
  Contraction contraction{op,
                          makeFactor(op, *a, m, k),
                          makeFactor(op, *b, n, k),
                          c,
                          isContiguousAlong(op, *c, n),
                          k,
                          {},
                          nullptr,
                          std::nullopt};
  for (unsigned dim = 0; dim < op.getNumLoops(); ++dim)
    if (dim != m && dim != n && dim != k)
      contraction.outer.push_back(dim);
  return contraction;
}

/// The loops (row, k) of an operand indexed by `(stream, place, k, lane)` of rows in panels.
static std::optional<std::pair<unsigned, unsigned>> panelLoops(linalg::LinalgOp op,
                                                               OpOperand &operand) {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  if (map.getNumResults() != 4 || !isa<MemRefType>(operand.get().getType()))
    return std::nullopt;
  auto whole = dyn_cast<AffineBinaryOpExpr>(map.getResult(1));
  auto row = whole ? dyn_cast<AffineDimExpr>(whole.getLHS()) : AffineDimExpr(nullptr);
  auto k = dyn_cast<AffineDimExpr>(map.getResult(2));
  PanelShape shape = PanelShape::of(operand.get());
  if (!row || !k || shape.streams < 1 || shape.lanes < 1)
    return std::nullopt;
  auto [stream, place, lane] = shape.placeOf(row);
  if (map.getResult(0) != stream || map.getResult(1) != place || map.getResult(3) != lane)
    return std::nullopt;
  return std::pair(row.getPosition(), k.getPosition());
}

bool fovea::readsPanels(linalg::LinalgOp op) {
  if (matchQuantizedProduct(op))
    return true;
  return op.getNumDpsInputs() == 2 &&
         llvm::any_of(op.getDpsInputOperands(),
                      [&](OpOperand *operand) { return panelLoops(op, *operand).has_value(); });
}

/// `b` is indexed by the loops n and k in panels.
static Contraction assignPanelRoles(linalg::GenericOp op, OpOperand *a, OpOperand *b, unsigned n,
                                    unsigned k) {
  OpOperand *c = op.getDpsInitOperand(0);
  AffineMap rowsOfA = op.getMatchingIndexingMap(a), results = op.getMatchingIndexingMap(c);
  SmallVector<unsigned> rows, outer;
  for (unsigned dim = 0; dim < op.getNumLoops(); ++dim)
    if (dim != n && rowsOfA.isFunctionOfDim(dim) && results.isFunctionOfDim(dim))
      rows.push_back(dim);
  auto m = mainLoop(op, *a, rows);
  for (unsigned dim = 0; dim < op.getNumLoops(); ++dim)
    if (dim != m && dim != n && dim != k)
      outer.push_back(dim);
  Factor panels{b, n, /*contiguousAlongK=*/false, /*contiguousAlongRow=*/true, /*inPanels=*/true};
  return Contraction{op,
                     makeFactor(op, *a, m, k),
                     panels,
                     c,
                     isContiguousAlong(op, *c, n),
                     k,
                     outer,
                     nullptr,
                     std::nullopt};
}

static Contraction assignPanelRoles(linalg::GenericOp op) {
  OpOperand *a = &op->getOpOperand(0), *b = &op->getOpOperand(1);
  if (!panelLoops(op, *b))
    std::swap(a, b);
  auto [n, k] = *panelLoops(op, *b);
  return assignPanelRoles(op, a, b, n, k);
}

std::optional<Contraction> fovea::matchContraction(linalg::GenericOp op, std::string &why) {
  if (auto product = matchQuantizedProduct(op)) {
    Contraction contraction =
        assignPanelRoles(op, &op->getOpOperand(0), &op->getOpOperand(1), product->row, product->k);
    contraction.accumulator = Float32Type::get(op.getContext());
    contraction.quantized = product->factor;
    return contraction;
  }
  auto element = dyn_cast<FloatType>(getElementTypeOrSelf(op.getDpsInits()[0]));
  if (!element || !isMultiplyAdd(op)) {
    why = "its body is not a sum of products of floats";
    return std::nullopt;
  }
  for (OpOperand &operand : op->getOpOperands())
    if (!isa<MemRefType>(operand.get().getType()) ||
        (!op.getMatchingIndexingMap(&operand).isProjectedPermutation() &&
         !panelLoops(op, operand))) {
      why = "an operand is not indexed by plain loops";
      return std::nullopt;
    }
  if (isBatchedSum(op)) {
    why = "no panel of one factor is read twice, and the other one lies along the batch";
    return std::nullopt;
  }
  std::optional<Contraction> contraction;
  if (readsPanels(op))
    contraction = assignPanelRoles(op);
  else if (auto dims = linalg::inferContractionDims(op); succeeded(dims))
    contraction = assignRoles(op, *dims);
  if (!contraction) {
    why = "no loop of the result belongs to one factor alone, or none of the sum to both";
    return std::nullopt;
  }
  contraction->accumulator =
      element.getWidth() < 32 ? FloatType(Float32Type::get(op.getContext())) : element;
  return contraction;
}

linalg::FillOp fovea::findNeedlessFill(const Contraction &contraction) {
  linalg::GenericOp op = contraction.op;
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  int64_t depth = op.getStaticLoopRanges()[contraction.k];
  if (contraction.quantized || contraction.isNarrowResult() || ShapedType::isDynamic(depth) ||
      depth == 0 || llvm::any_of(contraction.outer, [&](unsigned loop) {
        return linalg::isReductionIterator(iterators[loop]);
      }))
    return nullptr;
  Operation *before = op->getPrevNode();
  while (before && leavesMemoryAlone(before))
    before = before->getPrevNode();
  auto fill = dyn_cast_or_null<linalg::FillOp>(before);
  return fill && fill.getOutputs()[0] == contraction.c->get() &&
                 matchPattern(fill.getInputs()[0], m_PosZeroFloat())
             ? fill
             : nullptr;
}

ContractionEmitter::ContractionEmitter(EmitBuilder &builder, const Contraction &contraction,
                                       const TargetInfo &target, ArrayRef<Value> sizes,
                                       ArrayRef<Value> outerIvs, const PackedFactor *packed)
    : b(builder), c(contraction), target(target), packed(packed),
      tile(chooseContractionTile(target, contraction.accumulator.getIntOrFloatBitWidth())),
      sizes(sizes), ivs(outerIvs), one(b.index(1)) {}

Value ContractionEmitter::rows(const Factor &factor) const {
  return factor.row ? sizes[*factor.row] : one;
}

bool ContractionEmitter::hasWholeTiles(int64_t columns) const {
  std::optional<int64_t> all = getConstantIntValue(sizeN());
  return all && *all % columns == 0;
}

/// The loop behind each dim of an operand.
static SmallVector<unsigned> loopsOf(linalg::GenericOp op, OpOperand &operand) {
  return llvm::map_to_vector(op.getMatchingIndexingMap(&operand).getResults(), [](AffineExpr expr) {
    return cast<AffineDimExpr>(expr).getPosition();
  });
}

SmallVector<Value> ContractionEmitter::resultIndices(Value m, Value n) {
  SmallVector<Value> all = ivs;
  if (c.a.row)
    all[*c.a.row] = m;
  all[*c.b.row] = n;
  return llvm::map_to_vector(loopsOf(c.op, *c.c), [&](unsigned loop) { return all[loop]; });
}

FactorView ContractionEmitter::view(const Factor &factor) const {
  FactorView view{factor.operand->get(),     {},           std::nullopt, 0, factor.contiguousAlongK,
                  factor.contiguousAlongRow, c.accumulator};
  for (auto [dim, loop] : llvm::enumerate(loopsOf(c.op, *factor.operand))) {
    view.at.push_back(ivs[loop]);
    if (loop == c.k)
      view.kDim = dim;
    else if (loop == factor.row)
      view.rowDim = dim;
  }
  return view;
}

Panel ContractionEmitter::packedPanel(Value m, Value k0, Value depth) const {
  FactorView factor = view(c.a);
  Panel panel{packed->memref, {}, Value(), 0};
  for (unsigned dim : packed->dims)
    panel.leading.push_back(b.add(packed->offsets[dim], factor.at[dim]));
  Value row = b.add(packed->offsets[packed->rowDim], m);
  panel.offset = b.add(b.mul(k0, packed->paddedRows), b.mul(row, depth));
  panel.count = tile.many.rows;
  return panel;
}

SmallVector<Value> ContractionEmitter::panelColumns(Value n, int64_t vectors) const {
  Value last = b.sub(b.roundUp(sizeN(), tile.lanes), b.index(tile.lanes));
  SmallVector<Value> columns = {n};
  for (int64_t v = 1; v < vectors; ++v) {
    Value column = b.add(n, b.index(v * tile.lanes));
    columns.push_back(hasWholeTiles(vectors * tile.lanes) ? column : b.min(column, last));
  }
  return columns;
}

Panel ContractionEmitter::weightPanel(Value n, Value k0) const {
  Value panels = c.b.operand->get();
  PanelPlace at = placeOfPanel(b, PanelShape::of(panels), n);
  return {panels, {at.stream, at.place}, k0, tile.lanes, /*hasRowDim=*/true};
}

Value ContractionEmitter::multiplyAdd(Value x, Value y, Value z) {
  if (target.fusedMultiplyAdd)
    return vector::FMAOp::create(b, x, y, z);
  return arith::AddFOp::create(b, arith::MulFOp::create(b, x, y), z);
}

Value ContractionEmitter::loadResult(Value m, Value n, int64_t lanes) {
  Value memref = c.c->get();
  SmallVector<Value> at = resultIndices(m, n);
  if (!c.contiguousResult)
    return widen(memref::LoadOp::create(b, memref, at));
  auto type = VectorType::get({lanes}, getElementTypeOrSelf(memref));
  return widen(vector::LoadOp::create(b, type, memref, at));
}

void ContractionEmitter::storeResult(Value m, Value n, Value value) {
  Value memref = c.c->get();
  SmallVector<Value> at = resultIndices(m, n);
  if (c.isNarrowResult()) {
    Type narrow = getElementTypeOrSelf(memref);
    if (auto type = dyn_cast<VectorType>(value.getType()))
      narrow = type.clone(narrow);
    value = arith::TruncFOp::create(b, narrow, value);
  }
  if (isa<VectorType>(value.getType()))
    vector::StoreOp::create(b, value, memref, at);
  else
    memref::StoreOp::create(b, value, memref, at);
}

void ContractionEmitter::prefetchResults(Value m, Value n, int64_t count) {
  // One view, so that the lines of a row share an address.
  auto type = cast<MemRefType>(c.c->get().getType());
  SmallVector<OpFoldResult> offsets = getAsOpFoldResult(resultIndices(m, n));
  // A view within bounds that are known: a row may be shorter than a tile.
  int64_t columns = type.getShape().back();
  if (auto first = getConstantIntValue(offsets.back()); first && !ShapedType::isDynamic(columns))
    count = std::min(count, columns - *first);
  SmallVector<OpFoldResult> sizes(offsets.size(), b.getIndexAttr(1)), strides(sizes);
  sizes.back() = b.getIndexAttr(count);
  auto row = memref::SubViewOp::inferRankReducedResultType({count}, type, offsets, sizes, strides);
  Value view =
      memref::SubViewOp::create(b, cast<MemRefType>(row), c.c->get(), offsets, sizes, strides);
  int64_t line = 8 * cacheLine / type.getElementTypeBitWidth();
  for (int64_t i = 0; i < count; i += line)
    memref::PrefetchOp::create(b, view, b.index(i), /*isWrite=*/false, /*localityHint=*/3,
                               /*isDataCache=*/true);
}

void ContractionEmitter::accumulate(Value m, Value n, Value addend, Value isFirst) {
  auto type = dyn_cast<VectorType>(addend.getType());
  SmallVector<Value> at = resultIndices(m, n);
  Value old = type ? loadResult(m, n, type.getNumElements())
                   : widen(memref::LoadOp::create(b, c.c->get(), at));
  Value sum = arith::AddFOp::create(b, old, addend);
  if (isFirst)
    sum = arith::SelectOp::create(b, isFirst, addend, sum);
  storeResult(m, n, sum);
}
