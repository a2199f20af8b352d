#include "passes/contraction/QuantizedFactor.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace fovea;
using attn::quantizedGroup;
using attn::WeightFormat;

QuantizedFactor fovea::createQuantizedWeight(OpBuilder &b, attn::WeightOp op, int64_t panelDim,
                                             PanelShape shape, WeightFormat format) {
  auto type = cast<MemRefType>(op.getType());
  attn::QuantizedPanels panels{format, type.getDimSize(panelDim), type.getDimSize(1 - panelDim),
                               shape.lanes, shape.streams};
  auto stored = RankedTensorType::get(type.getShape(), type.getElementType());
  auto weight = attn::QuantizedWeightOp::create(
      b, op.getLoc(), panels.valuesType(b.getContext()), panels.scalesType(b.getContext()),
      op.getNameAttr(), op.getIndices(), op.getCountsAttr(), op.getSpansAttr(),
      TypeAttr::get(stored), b.getI64IntegerAttr(panelDim),
      attn::WeightFormatAttr::get(b.getContext(), format));
  return {weight.getValues(), weight.getScales(), format};
}

QuantizedFactor fovea::slicePanels(OpBuilder &b, Location loc, const QuantizedFactor &factor,
                                   OpFoldResult first, OpFoldResult count) {
  auto slice = [&](Value memref) -> Value {
    ArrayRef<int64_t> shape = cast<MemRefType>(memref.getType()).getShape();
    SmallVector<OpFoldResult> offsets(shape.size(), b.getIndexAttr(0)),
        sizes = getAsIndexOpFoldResult(b.getContext(), shape),
        strides(shape.size(), b.getIndexAttr(1));
    offsets[1] = first;
    sizes[1] = count;
    return memref::SubViewOp::create(b, loc, memref, offsets, sizes, strides);
  };
  return {slice(factor.values), slice(factor.scales), factor.format};
}

//===------------------------------------------------------------------------------------------===//
// Where an element lies
//===------------------------------------------------------------------------------------------===//

/// The indices into the values of the element (row, k), and into the scales.
static SmallVector<AffineExpr> valueIndices(AffineExpr row, AffineExpr k, PanelShape shape,
                                            WeightFormat format) {
  int64_t places = format == WeightFormat::Q8 ? quantizedGroup : quantizedGroup / 2;
  auto [stream, place, lane] = shape.placeOf(row);
  return {stream, place, k.floorDiv(quantizedGroup), (k % places).floorDiv(2), lane * 2 + k % 2};
}

static SmallVector<AffineExpr> scaleIndices(AffineExpr row, AffineExpr k, PanelShape shape) {
  auto [stream, place, lane] = shape.placeOf(row);
  return {stream, place, k.floorDiv(quantizedGroup), lane};
}

Value fovea::loadQuantized(OpBuilder &builder, Location loc, const QuantizedFactor &factor,
                           Value row, Value k) {
  ImplicitLocOpBuilder b(loc, builder);
  auto index = [&](int64_t value) { return arith::ConstantIndexOp::create(b, value); };
  auto div = [&](Value x, int64_t y) { return arith::DivUIOp::create(b, x, index(y)).getResult(); };
  auto rem = [&](Value x, int64_t y) { return arith::RemUIOp::create(b, x, index(y)).getResult(); };
  // As valueIndices and scaleIndices have it, in plain arithmetic, which has a form on vectors.
  int64_t places = factor.format == WeightFormat::Q8 ? quantizedGroup : quantizedGroup / 2;
  PanelShape shape = factor.shape();
  Value panel = div(row, shape.lanes), lane = rem(row, shape.lanes);
  Value stream = rem(panel, shape.streams), place = div(panel, shape.streams);
  Value group = div(k, quantizedGroup), vector = div(rem(k, places), 2);
  Value twice = arith::MulIOp::create(b, lane, index(2));
  Value column = arith::AddIOp::create(b, twice, rem(k, 2));
  Value at[] = {stream, place, group, vector, column};
  Value byte = memref::LoadOp::create(b, factor.values, at);
  Value scale = memref::LoadOp::create(b, factor.scales, ValueRange{stream, place, group, lane});
  return attn::DequantizeOp::create(b, byte, scale, k, factor.format);
}

//===------------------------------------------------------------------------------------------===//
// Contractions
//===------------------------------------------------------------------------------------------===//

static Value toFloat32(OpBuilder &b, Location loc, Value value) {
  Type f32 = b.getF32Type();
  return value.getType() == f32 ? value : arith::ExtFOp::create(b, loc, f32, value).getResult();
}

void fovea::readQuantized(RewriterBase &rewriter, linalg::GenericOp op, OpOperand &operand,
                          unsigned row, unsigned k, const QuantizedFactor &factor) {
  MLIRContext *context = op.getContext();
  AffineExpr rowExpr = getAffineDimExpr(row, context), kExpr = getAffineDimExpr(k, context);
  OpOperand &other = op->getOpOperand(1 - operand.getOperandNumber());
  OpOperand &result = *op.getDpsInitOperand(0);
  auto map = [&](ArrayRef<AffineExpr> indices) {
    return AffineMap::get(op.getNumLoops(), 0, indices, context);
  };
  SmallVector<AffineMap> maps = {op.getMatchingIndexingMap(&other),
                                 map(valueIndices(rowExpr, kExpr, factor.shape(), factor.format)),
                                 map(scaleIndices(rowExpr, kExpr, factor.shape())),
                                 op.getMatchingIndexingMap(&result)};
  rewriter.setInsertionPoint(op);
  linalg::GenericOp::create(
      rewriter, op.getLoc(), TypeRange(), ValueRange{other.get(), factor.values, factor.scales},
      ValueRange{result.get()}, maps, op.getIteratorTypesArray(),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value position = linalg::IndexOp::create(b, loc, k);
        Value weight =
            attn::DequantizeOp::create(b, loc, args[1], args[2], position, factor.format);
        Value product = arith::MulFOp::create(b, loc, toFloat32(b, loc, args[0]), weight);
        Value sum = arith::AddFOp::create(b, loc, toFloat32(b, loc, args[3]), product);
        if (sum.getType() != args[3].getType())
          sum = arith::TruncFOp::create(b, loc, args[3].getType(), sum);
        linalg::YieldOp::create(b, loc, sum);
      });
  rewriter.eraseOp(op);
}

static Value skipWidening(Value value) {
  auto widening = value.getDefiningOp<arith::ExtFOp>();
  return widening ? widening.getIn() : value;
}

/// `result + other * dequantize(values, scales)` of the body's arguments.
static attn::DequantizeOp findDequantize(linalg::GenericOp op) {
  Block *body = op.getBody();
  if (op.getNumDpsInputs() != 3 || op.getNumDpsInits() != 1)
    return nullptr;
  Value yielded = body->getTerminator()->getOperand(0);
  if (auto narrowing = yielded.getDefiningOp<arith::TruncFOp>())
    yielded = narrowing.getIn();
  auto add = yielded.getDefiningOp<arith::AddFOp>();
  if (!add || skipWidening(add.getLhs()) != body->getArgument(3))
    return nullptr;
  auto multiply = add.getRhs().getDefiningOp<arith::MulFOp>();
  if (!multiply || skipWidening(multiply.getLhs()) != body->getArgument(0))
    return nullptr;
  auto dequantize = multiply.getRhs().getDefiningOp<attn::DequantizeOp>();
  if (!dequantize || dequantize.getByte() != body->getArgument(1) ||
      dequantize.getScale() != body->getArgument(2))
    return nullptr;
  return dequantize;
}

std::optional<QuantizedProduct> fovea::matchQuantizedProduct(linalg::LinalgOp linalgOp) {
  auto op = dyn_cast<linalg::GenericOp>(*linalgOp);
  attn::DequantizeOp dequantize = op ? findDequantize(op) : nullptr;
  auto position =
      dequantize ? dequantize.getPosition().getDefiningOp<linalg::IndexOp>() : linalg::IndexOp();
  if (!position)
    return std::nullopt;
  QuantizedFactor factor{op->getOperand(1), op->getOperand(2), dequantize.getFormat()};
  AffineMap values = op.getIndexingMapsArray()[1], scales = op.getIndexingMapsArray()[2];
  if (scales.getNumResults() != 4)
    return std::nullopt;
  auto panel = dyn_cast<AffineBinaryOpExpr>(scales.getResult(1));
  auto row = panel ? dyn_cast<AffineDimExpr>(panel.getLHS()) : AffineDimExpr(nullptr);
  if (!row)
    return std::nullopt;
  AffineExpr k = getAffineDimExpr(position.getDim(), op.getContext());
  if (values.getResults() != ArrayRef(valueIndices(row, k, factor.shape(), factor.format)) ||
      scales.getResults() != ArrayRef(scaleIndices(row, k, factor.shape())))
    return std::nullopt;
  return QuantizedProduct{factor, row.getPosition(), static_cast<unsigned>(position.getDim())};
}
