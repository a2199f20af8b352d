#include "passes/attention/StoredRows.h"
#include "dialect/CacheRows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/TargetInfo.h"
#include "passes/attention/MaskBounds.h"

using namespace mlir;
using namespace fovea;

static MemRefType typeOf(Value memref) { return cast<MemRefType>(memref.getType()); }

static bool isQuantized(Value rows) { return typeOf(rows).getElementType().isInteger(8); }

int64_t fovea::rowElements(Value memref, int64_t dim) {
  int64_t size = typeOf(memref).getDimSize(dim);
  // The verifier of attention has seen that it is a size of quantised rows.
  return isQuantized(memref) ? *attn::quantizedRowColumns(size) : size;
}

Value fovea::emitRowElements(EmitBuilder &b, Value memref, int64_t dim) {
  return isQuantized(memref) ? b.index(rowElements(memref, dim)) : b.dim(memref, dim);
}

/// Rows of a head follow each other without gaps and hold the type of scores.
static bool hasScoreRows(attn::AttentionOp op, MemRefType type, ArrayRef<int64_t> order) {
  SmallVector<int64_t> strides;
  int64_t offset, size = type.getDimSize(order[3]);
  return type.getElementType() == op.getScoreType() && !ShapedType::isDynamic(size) &&
         succeeded(type.getStridesAndOffset(strides, offset)) && strides[order[3]] == 1 &&
         strides[order[2]] == size;
}

bool fovea::takesValuesInPlace(attn::AttentionOp op, int64_t columns) {
  MemRefType type = typeOf(op.getValue());
  SmallVector<int64_t> order = op.getValuePermutation();
  // Of a window, values are looked through before they are used: as well while they are packed.
  return !isWindowed(op) && hasScoreRows(op, type, order) &&
         2 * columns * type.getElementTypeBitWidth() >= 8 * cacheLine &&
         type.getDimSize(order[3]) % columns == 0;
}

bool fovea::takesKeysInPlace(attn::AttentionOp op, const AttentionTile &tile) {
  return tile.rowBroadcasts && hasScoreRows(op, typeOf(op.getKey()), op.getKeyPermutation());
}

/// The two bytes of the scale of the element in `column`: a bf16, with the low byte first.
static Value loadScale(EmitBuilder &b, Value rows, Value row, Value column) {
  Value group = b.divide(column, attn::quantizedGroup);
  Value place =
      b.add(b.index(rowElements(rows, 1)), b.mul(group, b.index(attn::quantizedScaleBytes)));
  auto load = [&](Value at) -> Value {
    return memref::LoadOp::create(b, rows, ValueRange{row, at});
  };
  auto type = VectorType::get({attn::quantizedScaleBytes}, b.getI8Type());
  Value bytes;
  if (typeOf(rows).isLastDimUnitStride())
    bytes = vector::LoadOp::create(b, type, rows, ValueRange{row, place});
  else
    bytes = vector::FromElementsOp::create(b, type,
                                           ValueRange{load(place), load(b.add(place, b.index(1)))});
  return vector::BitCastOp::create(b, VectorType::get({1}, b.getI16Type()), bytes);
}

/// Of words whose lower halves are a bf16, which is the upper half of an f32.
static Value shiftToFloat(EmitBuilder &b, Value words) {
  auto type = cast<VectorType>(words.getType());
  Value upper = arith::ShLIOp::create(b, words, b.constant(type, 16));
  return vector::BitCastOp::create(b, type.clone(b.getF32Type()), upper);
}

/// The scale in `lanes` lanes.
static Value splatScale(EmitBuilder &b, Value scale, int64_t lanes) {
  Value half = vector::ExtractOp::create(b, scale, 0);
  Value halves = b.splat(VectorType::get({2 * lanes}, b.getI16Type()), half);
  auto words = VectorType::get({lanes}, b.getI32Type());
  return shiftToFloat(b, vector::BitCastOp::create(b, words, halves));
}

Value fovea::loadRowPart(EmitBuilder &b, Value rows, Value row, Value column, int64_t lanes,
                         FloatType scoreType) {
  auto type = VectorType::get({lanes}, typeOf(rows).getElementType());
  Value stored = vector::LoadOp::create(b, type, rows, ValueRange{row, column});
  if (!isQuantized(rows))
    return b.convertFloat(stored, scoreType);
  Value wide = arith::ExtSIOp::create(b, type.clone(b.getI32Type()), stored);
  Value multiple = arith::SIToFPOp::create(b, type.clone(scoreType), wide);
  Value scale = splatScale(b, loadScale(b, rows, row, column), lanes);
  return arith::MulFOp::create(b, multiple, scale);
}

Value fovea::loadRowElement(EmitBuilder &b, Value rows, Value row, Value column,
                            FloatType scoreType) {
  Value stored = memref::LoadOp::create(b, rows, ValueRange{row, column});
  if (!isQuantized(rows))
    return b.convertFloat(stored, scoreType);
  Value multiple = arith::SIToFPOp::create(b, scoreType, stored);
  Value scale = splatScale(b, loadScale(b, rows, row, column), 1);
  return arith::MulFOp::create(b, multiple, vector::ExtractOp::create(b, scale, 0));
}

Value fovea::loadScales(EmitBuilder &b, Value source, ValueRange rows, Value column) {
  SmallVector<Value> halves = llvm::map_to_vector(rows, [&](Value row) -> Value {
    return vector::ExtractOp::create(b, loadScale(b, source, row, column), 0);
  });
  auto type = VectorType::get({static_cast<int64_t>(rows.size())}, b.getI16Type());
  Value together = vector::FromElementsOp::create(b, type, halves);
  return shiftToFloat(b, arith::ExtUIOp::create(b, type.clone(b.getI32Type()), together));
}
