#include "passes/attention/AttentionPacker.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/TypeUtilities.h"
#include "passes/attention/StoredRows.h"
#include "passes/vector/VectorTranspose.h"
#include <numeric>

using namespace mlir;
using namespace fovea;

bool fovea::hasContiguousRows(Value memref) {
  return cast<MemRefType>(memref.getType()).isLastDimUnitStride();
}

/// Rows of a known size follow each other without gaps.
static bool hasDenseRows(Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  auto [strides, offset] = type.getStridesAndOffset();
  return ShapedType::isStatic(type.getDimSize(1)) && strides[1] == 1 &&
         strides[0] == type.getDimSize(1);
}

SmallVector<OpFoldResult> AttentionPacker::keyShape(Value headDim) {
  return {b.getIndexAttr(tile.keysPerBlock / tile.keysPerTile), getAsOpFoldResult(headDim),
          b.getIndexAttr(tile.keysPerTile)};
}

SmallVector<OpFoldResult> AttentionPacker::valueShape(Value valueDim) {
  Value tiles = b.divide(b.roundUp(valueDim, tile.keysPerTile), tile.keysPerTile);
  return {getAsOpFoldResult(tiles), b.getIndexAttr(tile.keysPerBlock),
          b.getIndexAttr(tile.keysPerTile)};
}

//===----------------------------------------------------------------------===//
// Queries and keys
//===----------------------------------------------------------------------===//

int64_t AttentionPacker::rowsAhead(Value source) {
  auto type = cast<MemRefType>(source.getType());
  int64_t columns = type.isDynamicDim(1) ? 64 : std::max<int64_t>(type.getDimSize(1), 1);
  int64_t rowBytes = std::max<int64_t>(columns * type.getElementTypeBitWidth() / 8, 1);
  return std::clamp<int64_t>(bytesAhead / rowBytes, 4, 64);
}

// Row after row, as memory is read fastest: the hardware's prefetchers do not look across short
// rows, but they follow these.
void AttentionPacker::prefetch(Value source, Value row, Value begin, int64_t count,
                               unsigned locality) {
  Value columns = b.dim(source, 1);
  int64_t perLine = 8 * cacheLine / getElementTypeOrSelf(source).getIntOrFloatBitWidth();
  // One row behind the other, a place beyond a row's end is one of the next.
  bool isDense = hasDenseRows(source);
  // Scales are fetched with the elements that they belong to.
  int64_t elements = rowElements(source, 1),
          size = cast<MemRefType>(source.getType()).getDimSize(1);
  if (elements != size) {
    begin = b.divide(b.mul(begin, b.index(size)), elements);
    count = llvm::divideCeilSigned(count * size, elements);
  }
  auto fetchLine = [&](Value ahead) {
    Value linear = b.add(begin, ahead);
    Value at[] = {row, linear};
    if (!isDense) {
      at[0] = b.add(row, b.createOrFold<arith::DivUIOp>(linear, columns));
      at[1] = b.createOrFold<arith::RemUIOp>(linear, columns);
    }
    memref::PrefetchOp::create(b, source, at, /*isWrite=*/false, locality, /*isDataCache=*/true);
  };
  static constexpr int64_t mostUnrolledLines = 64;
  if (count > mostUnrolledLines * perLine)
    return b.loop(b.index(0), b.index(count), perLine, fetchLine);
  for (int64_t ahead = 0; ahead < count; ahead += perLine)
    fetchLine(b.index(ahead));
}

void AttentionPacker::prefetchAhead(Value source, Value row, Value begin, int64_t count) {
  prefetch(source, b.add(row, b.index(rowsAhead(source))), begin, count, /*locality=*/3);
}

void AttentionPacker::packPanel(Value source, Value first, Value last, int64_t width, Value factor,
                                Value into, ValueRange leading) {
  int64_t side = narrowColumns(scoreType, tile.lanes);
  b.loop(b.index(0), b.index(width), side, [&](Value lane) {
    SmallVector<Value> rows = rowsUpTo(b.add(first, lane), last, side);
    packRows(source, rows, factor, into, leading, lane);
  });
}

void AttentionPacker::packColumns(Value source, ValueRange rows, Value factor, int64_t count,
                                  Transpose transpose,
                                  function_ref<void(Value column, ArrayRef<Value> vectors)> store) {
  auto scale = [&](Value vector) -> Value {
    if (!factor)
      return vector;
    return arith::MulFOp::create(b, vector, b.splat(vector.getType(), factor));
  };
  int64_t side = rows.size();
  Value columns = emitRowElements(b, source, 1);
  Value whole = hasContiguousRows(source) ? b.roundDown(columns, count) : b.index(0);
  b.loop(b.index(0), whole, count, [&](Value column) {
    // In each step as many bytes as it takes.
    prefetchAhead(source, rows.front(), b.mul(column, b.index(side)), side * count);
    SmallVector<Value> parts = llvm::map_to_vector(rows, [&](Value row) {
      return scale(loadRowPart(b, source, row, column, count, scoreType));
    });
    store(column, transpose(b, parts));
  });
  b.loop(whole, columns, 1,
         [&](Value column) { store(column, scale(gatherColumn(source, rows, column))); });
}

/// `into[leading..., d, lane + t] = source[rows[t], d] * factor`. Few rows, so that registers hold
/// their addresses, and as many columns at a time as a vector holds: squares would be more of code
/// that takes long to compile, and no faster.
void AttentionPacker::packRows(Value source, ValueRange rows, Value factor, Value into,
                               ValueRange leading, Value lane) {
  int64_t side = rows.size(), size = rowElements(source, 1);
  int64_t count = ShapedType::isDynamic(size) ? side : std::gcd(size, tile.lanes);
  count = std::max(count, side);
  packColumns(source, rows, factor, count, transposeToNarrow,
              [&](Value column, ArrayRef<Value> vectors) {
                SmallVector<Value> at(leading);
                at.append({column, lane});
                Value packed = tileOf(b, into, at, vectors.size(), side);
                for (auto [t, vector] : llvm::enumerate(vectors))
                  vector::StoreOp::create(b, vector, packed, ValueRange{b.index(t), b.index(0)});
              });
}

Value AttentionPacker::gatherColumn(Value source, ValueRange rows, Value column) {
  SmallVector<Value> elements = llvm::map_to_vector(
      rows, [&](Value row) -> Value { return loadRowElement(b, source, row, column, scoreType); });
  auto type = VectorType::get({static_cast<int64_t>(rows.size())}, scoreType);
  return vector::FromElementsOp::create(b, type, elements);
}

SmallVector<Value> AttentionPacker::rowsUpTo(Value first, Value last, int64_t count) {
  return llvm::map_to_vector(llvm::seq<int64_t>(count), [&](int64_t t) -> Value {
    return b.min(b.add(first, b.index(t)), last);
  });
}

/// A tile of keys, a few columns at a time.
void AttentionPacker::packKeyColumns(Value source, ValueRange rows, Value into, Value group) {
  int64_t count = narrowColumns(scoreType, rows.size());
  packColumns(source, rows, /*factor=*/Value(), count, transposeNarrow,
              [&](Value column, ArrayRef<Value> vectors) {
                for (auto [t, vector] : llvm::enumerate(vectors)) {
                  Value at[] = {group, b.add(column, b.index(t)), b.index(0)};
                  vector::StoreOp::create(b, vector, into, at);
                }
              });
}

/// Rows of whole vectors, two columns a register: half of the loads and stores that squares take.
void AttentionPacker::packKeyTile(Value source, ValueRange rows, Value into, Value group) {
  Value tileKeys = viewOf(b, into, group);
  Value flat = memref::CollapseShapeOp::create(b, tileKeys, ArrayRef<ReassociationIndices>{{0, 1}});
  b.loop(b.index(0), emitRowElements(b, source, 1), tile.lanes, [&](Value column) {
    prefetchAhead(source, rows.front(), b.mul(column, b.index(tile.keysPerTile)),
                  tile.lanes * tile.keysPerTile);
    SmallVector<Value> wide = llvm::map_to_vector(rows, [&](Value row) -> Value {
      return loadRowPart(b, source, row, column, tile.lanes, scoreType);
    });
    for (auto [t, vector] : llvm::enumerate(transposeWide(b, wide))) {
      Value place = b.mul(column, b.index(tile.keysPerTile));
      vector::StoreOp::create(b, vector, flat, b.add(place, b.index(t * tile.lanes)));
    }
  });
}

void AttentionPacker::packKeys(Value source, const KeyRange &range, Value into) {
  Value last = b.sub(b.dim(source, 0), b.index(1));
  Value first = b.roundDown(range.lo, tile.keysPerTile);
  int64_t columns = rowElements(source, 1);
  bool isWide = tile.lanes == 2 * tile.keysPerTile && hasContiguousRows(source) &&
                canTransposeHalves(VectorType::get({tile.keysPerTile}, scoreType)) &&
                !ShapedType::isDynamic(columns) && columns % tile.lanes == 0;
  b.loop(first, range.hi, tile.keysPerTile, [&](Value key) {
    SmallVector<Value> rows = rowsUpTo(b.add(range.begin, key), last, tile.keysPerTile);
    Value group = b.divide(key, tile.keysPerTile);
    if (isWide)
      return packKeyTile(source, rows, into, group);
    packKeyColumns(source, rows, into, group);
  });
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Value fovea::emitUnspoilt(EmitBuilder &b, VectorType type) {
  return b.constant(type.clone(b.getIntegerType(type.getElementTypeBitWidth())), 0);
}

// x - x is +0 exactly for finite x.
Value fovea::emitSpoilt(EmitBuilder &b, Value bits, Value vector) {
  Value zero = arith::SubFOp::create(b, vector, vector);
  return arith::OrIOp::create(b, bits, arith::BitcastOp::create(b, bits.getType(), zero));
}

Value fovea::emitIsZero(EmitBuilder &b, Value bits) {
  Value any = vector::ReductionOp::create(b, vector::CombiningKind::OR, bits);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, any, b.constant(any.getType(), 0));
}

/// `count` columns, whole tiles.
Value AttentionPacker::packValueRow(Value source, Value row, Value key, Value column, int64_t count,
                                    Value into) {
  Value vector;
  if (hasContiguousRows(source)) {
    vector = loadRowPart(b, source, row, column, count, scoreType);
  } else {
    auto elements = llvm::map_to_vector(llvm::seq(count), [&](int64_t t) -> Value {
      return loadRowElement(b, source, row, b.add(column, b.index(t)), scoreType);
    });
    vector = vector::FromElementsOp::create(b, VectorType::get({count}, scoreType), elements);
  }
  for (int64_t first = 0; first < count; first += tile.keysPerTile) {
    Value group = b.divide(b.add(column, b.index(first)), tile.keysPerTile);
    vector::StoreOp::create(b, b.slice(vector, first, tile.keysPerTile), into,
                            ValueRange{group, key, b.index(0)});
  }
  return vector;
}

/// The columns from `column` on, fewer than a tile, and zeros up to a whole one.
Value AttentionPacker::packValueRest(Value source, Value row, Value key, Value column, Value into) {
  Value group = b.divide(column, tile.keysPerTile);
  auto type = VectorType::get({tile.keysPerTile}, scoreType);
  Value start[] = {group, key, b.index(0)};
  vector::StoreOp::create(b, b.constant(type, 0.0), into, start);
  b.loop(column, emitRowElements(b, source, 1), 1, [&](Value c) {
    Value element = loadRowElement(b, source, row, c, scoreType);
    Value at[] = {group, key, b.sub(c, column)};
    memref::StoreOp::create(b, element, into, at);
  });
  return vector::LoadOp::create(b, type, into, start);
}

Value AttentionPacker::packValues(Value source, const KeyRange &range, Value into, bool check) {
  int64_t columns = tile.keysPerTile, wide = std::max(tile.lanes, columns);
  Value valueDim = emitRowElements(b, source, 1);
  Value last = b.sub(b.dim(source, 0), b.index(1));
  Value begin = b.roundDown(range.lo, columns), end = b.roundUp(range.hi, columns);
  Value isFinite;
  // Packs columns [lo, hi), `step` at a time by `pack`, in vectors of `count`.
  using Pack = function_ref<SmallVector<Value>(Value row, Value key, Value column)>;
  auto packColumns = [&](Value lo, Value hi, int64_t step, int64_t count, Pack pack) {
    SmallVector<Value> none;
    if (check)
      none = {emitUnspoilt(b, VectorType::get({count}, scoreType))};
    auto bits = b.loop(lo, hi, step, none, [&](Value column, ValueRange outer) {
      return b.loop(begin, end, 1, outer, [&](Value key, ValueRange carried) {
        SmallVector<Value> spoilt(carried);
        for (Value vector : pack(b.min(b.add(range.begin, key), last), key, column))
          if (check)
            spoilt = {emitSpoilt(b, spoilt[0], vector)};
        return spoilt;
      });
    });
    if (!check)
      return;
    Value isZero = emitIsZero(b, bits[0]);
    isFinite = isFinite ? arith::AndIOp::create(b, isFinite, isZero).getResult() : isZero;
  };
  // Four tiles at a time: a cache line of f32, or two.
  Value fours = b.roundDown(valueDim, 4 * columns), whole = b.roundDown(valueDim, columns);
  packColumns(b.index(0), fours, 4 * columns, wide, [&](Value row, Value key, Value column) {
    prefetchAhead(source, row, column, 4 * columns);
    return llvm::map_to_vector(llvm::seq<int64_t>(0, 4 * columns / wide), [&](int64_t t) {
      return packValueRow(source, row, key, b.add(column, b.index(t * wide)), wide, into);
    });
  });
  packColumns(fours, whole, columns, columns, [&](Value row, Value key, Value column) {
    return SmallVector<Value>{packValueRow(source, row, key, column, columns, into)};
  });
  packColumns(whole, valueDim, columns, columns, [&](Value row, Value key, Value column) {
    return SmallVector<Value>{packValueRest(source, row, key, column, into)};
  });
  return isFinite;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value fovea::viewOf(EmitBuilder &b, Value memref, ArrayRef<int64_t> permutation,
                    ValueRange indices) {
  auto type = cast<MemRefType>(memref.getType());
  int64_t rank = type.getRank(), leading = indices.size();
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0)), strides(rank, b.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes = memref::getMixedSizes(b, b.getLoc(), memref);
  for (auto [canonical, index] : llvm::enumerate(indices)) {
    offsets[permutation[canonical]] = getAsOpFoldResult(index);
    sizes[permutation[canonical]] = b.getIndexAttr(1);
  }
  SmallVector<int64_t> kept(permutation.drop_front(leading)), inMemory = kept;
  llvm::sort(inMemory);
  auto [shape, dynamic] =
      decomposeMixedValues(llvm::map_to_vector(inMemory, [&](int64_t dim) { return sizes[dim]; }));
  MemRefType viewType =
      memref::SubViewOp::inferRankReducedResultType(shape, type, offsets, sizes, strides);
  Value view = memref::SubViewOp::create(b, viewType, memref, offsets, sizes, strides);
  if (kept == inMemory)
    return view;
  return memref::TransposeOp::create(
      b, view,
      AffineMapAttr::get(AffineMap::getPermutationMap(ArrayRef<int64_t>{1, 0}, b.getContext())));
}

Value fovea::viewOf(EmitBuilder &b, Value memref, ValueRange indices) {
  int64_t rank = cast<MemRefType>(memref.getType()).getRank();
  return viewOf(b, memref, llvm::to_vector(llvm::seq<int64_t>(rank)), indices);
}

Value fovea::tileOf(EmitBuilder &b, Value memref, ValueRange at, int64_t rows, int64_t columns) {
  size_t rank = at.size();
  SmallVector<OpFoldResult> offsets = getAsOpFoldResult(at), ones(rank, b.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes(rank - 2, b.getIndexAttr(1));
  sizes.append({b.getIndexAttr(rows), b.getIndexAttr(columns)});
  MemRefType type = memref::SubViewOp::inferRankReducedResultType(
      {rows, columns}, cast<MemRefType>(memref.getType()), offsets, sizes, ones);
  return memref::SubViewOp::create(b, type, memref, offsets, sizes, ones);
}

Value fovea::allocateAligned(EmitBuilder &b, ArrayRef<OpFoldResult> shape, Type element) {
  SmallVector<int64_t> sizes;
  SmallVector<Value> dynamic;
  dispatchIndexOpFoldResults(shape, dynamic, sizes);
  return memref::AllocOp::create(b, MemRefType::get(sizes, element), dynamic,
                                 b.getI64IntegerAttr(64));
}
