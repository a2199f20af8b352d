#include "passes/contraction/PanelPacker.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/vector/VectorTranspose.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace fovea;

//===------------------------------------------------------------------------------------------===//
// Access
//===------------------------------------------------------------------------------------------===//

SmallVector<Value> FactorView::indices(Value row, Value k) const {
  SmallVector<Value> all = at;
  if (rowDim)
    all[*rowDim] = row;
  all[kDim] = k;
  return all;
}

Value FactorView::loadScalar(EmitBuilder &b, Value row, Value k) const {
  return b.convertFloat(memref::LoadOp::create(b, memref, indices(row, k)), accumulator);
}

Value FactorView::loadNarrow(EmitBuilder &b, Value row, Value k, int64_t lanes) const {
  auto type = VectorType::get({lanes}, getElementTypeOrSelf(memref));
  return vector::LoadOp::create(b, type, memref, indices(row, k));
}

Value FactorView::loadVector(EmitBuilder &b, Value row, Value k, int64_t lanes) const {
  return b.convertFloat(loadNarrow(b, row, k, lanes), accumulator);
}

void FactorView::prefetch(EmitBuilder &b, Value row, Value k, int64_t locality) const {
  memref::PrefetchOp::create(b, memref, indices(row, k), /*isWrite=*/false, locality,
                             /*isDataCache=*/true);
}

Value FactorView::viewAlongK(EmitBuilder &b, Value row, Value k, Value depth) const {
  SmallVector<OpFoldResult> offsets = getAsOpFoldResult(indices(row, k));
  SmallVector<OpFoldResult> sizes(offsets.size(), b.getIndexAttr(1)), strides(sizes);
  sizes[kDim] = getAsOpFoldResult(depth);
  auto type = memref::SubViewOp::inferRankReducedResultType(
      {getConstantIntValue(depth).value_or(ShapedType::kDynamic)},
      cast<MemRefType>(memref.getType()), offsets, sizes, strides);
  return memref::SubViewOp::create(b, cast<MemRefType>(type), memref, offsets, sizes, strides);
}

SmallVector<Value> Panel::at(EmitBuilder &b, Value k, int64_t row) const {
  SmallVector<Value> indices = leading;
  if (hasRowDim) {
    indices.append({b.add(offset, k), b.index(row)});
    return indices;
  }
  indices.push_back(b.add(b.add(offset, b.mul(k, b.index(count))), b.index(row)));
  return indices;
}

int64_t Panel::stepBytes() const {
  return count * cast<MemRefType>(memref.getType()).getElementTypeBitWidth() / 8;
}

//===------------------------------------------------------------------------------------------===//
// Along the rows, as they lie
//===------------------------------------------------------------------------------------------===//

/// Steps of k that a row is fetched ahead of its use, into the first and the second level of cache:
/// the hardware's prefetchers do not look across rows, and rows a power of two apart share few sets
/// of the first level.
static constexpr int64_t rowsAhead = 8, rowsFarAhead = 32;

void PanelPacker::packStrip(Value first, Value k0, Value depth, ArrayRef<Panel> panels) {
  b.loop(b.index(0), depth, 1, [&](Value k) {
    Value row = first, at = b.add(k0, k);
    for (const Panel &panel : panels) {
      factor.prefetch(b, row, b.add(at, b.index(rowsAhead)));
      factor.prefetch(b, row, b.add(at, b.index(rowsFarAhead)), /*locality=*/2);
      for (int64_t r = 0; r < panel.count; r += tile.lanes) {
        Value values = factor.loadVector(b, b.add(row, b.index(r)), at, tile.lanes);
        vector::StoreOp::create(b, values, panel.memref, panel.at(b, k, r));
      }
      row = b.add(row, b.index(panel.count));
    }
  });
}

//===------------------------------------------------------------------------------------------===//
// Along k
//===------------------------------------------------------------------------------------------===//

/// Steps of k that rows are fetched ahead of their use.
static constexpr int64_t stepsAhead = 64;

/// For one vector of rows: element i of the result holds `factor[rows, k + i]`, as many as
/// `columns`.
SmallVector<Value> PanelPacker::loadTransposed(ArrayRef<Value> rows, Value k, int64_t columns) {
  if (columns == tile.lanes)
    return transposeSquare(b, llvm::map_to_vector(rows, [&](Value row) {
                             return factor.loadVector(b, row, k, columns);
                           }));
  SmallVector<Value> narrow =
      llvm::map_to_vector(rows, [&](Value row) { return factor.loadNarrow(b, row, k, columns); });
  return llvm::map_to_vector(transposeNarrow(b, narrow), [&](Value vector) {
    return b.convertFloat(vector, factor.accumulator);
  });
}

void PanelPacker::packAlongK(ArrayRef<Value> rows, Value k0, Value begin, Value end,
                             int64_t columns, const Panel &panel) {
  b.loop(begin, end, columns, [&](Value k) {
    if (columns == tile.lanes)
      for (Value row : rows.take_front(panel.count))
        factor.prefetch(b, row, b.add(b.add(k0, k), b.index(stepsAhead)), /*locality=*/2);
    SmallVector<SmallVector<Value>> parts;
    for (size_t r = 0; r < rows.size(); r += tile.lanes)
      parts.push_back(loadTransposed(rows.slice(r, tile.lanes), b.add(k0, k), columns));
    for (int64_t i = 0; i < columns; ++i)
      for (auto [v, part] : llvm::enumerate(parts))
        storeStep(part[i], b.add(k, b.index(i)), v * tile.lanes, i + 1 == columns, panel);
  });
}

/// Rows from `row` on of one step of k. Where the panel ends before the vector, what is written
/// past the step is overwritten by the next one; the last one is stored in parts.
void PanelPacker::storeStep(Value values, Value k, int64_t row, bool isLast, const Panel &panel) {
  int64_t count = std::min(tile.lanes, isLast ? panel.count - row : tile.lanes);
  for (int64_t begin = 0; begin < count;) {
    int64_t size = llvm::bit_floor<uint64_t>(count - begin);
    vector::StoreOp::create(b, b.slice(values, begin, size), panel.memref,
                            panel.at(b, k, row + begin));
    begin += size;
  }
}

//===------------------------------------------------------------------------------------------===//
// Any layout
//===------------------------------------------------------------------------------------------===//

void PanelPacker::packScalars(ArrayRef<Value> rows, Value k0, Value begin, Value end,
                              const Panel &panel) {
  b.loop(begin, end, 1, [&](Value k) {
    for (int64_t r = 0; r < panel.count; ++r) {
      Value element = factor.loadScalar(b, rows[r], b.add(k0, k));
      memref::StoreOp::create(b, element, panel.memref, panel.at(b, k, r));
    }
  });
}

void PanelPacker::pack(Value first, Value limit, Value k0, Value depth, const Panel &panel) {
  SmallVector<Value> rows;
  Value last = b.sub(limit, b.index(1));
  int64_t padded = llvm::alignTo(panel.count, tile.lanes);
  for (int64_t r = 0; r < padded; ++r)
    rows.push_back(b.min(b.add(first, b.index(std::min(r, panel.count - 1))), last));
  if (factor.contiguousAlongK) {
    // Rows a power of two apart would lose a line before all of it is read part by part.
    bool isLine = tile.lanes * factor.accumulator.getIntOrFloatBitWidth() == 8 * cacheLine;
    Value squares = isLine ? b.roundDown(depth, tile.lanes) : b.index(0);
    Value whole = b.roundDown(depth, tile.group);
    packAlongK(rows, k0, b.index(0), squares, tile.lanes, panel);
    packAlongK(rows, k0, squares, whole, tile.group, panel);
    return packScalars(rows, k0, whole, depth, panel);
  }
  if (!factor.contiguousAlongRow)
    return packScalars(rows, k0, b.index(0), depth, panel);
  // Where the last vector of a step reaches past the step, another one must follow.
  Value vectors = panel.count == padded ? depth : b.sub(depth, b.index(1));
  Value end = b.add(first, b.index(padded));
  Value whole = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, end, limit);
  auto copyVectors = [&] {
    packStrip(first, k0, vectors, panel);
    packScalars(rows, k0, vectors, depth, panel);
  };
  b.branch(whole, copyVectors, [&] { packScalars(rows, k0, b.index(0), depth, panel); });
}
