#include "passes/contraction/PanelPacker.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
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

void FactorView::prefetch(EmitBuilder &b, Value row, Value k) const {
  memref::PrefetchOp::create(b, memref, indices(row, k), /*isWrite=*/false, /*localityHint=*/3,
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

/// Steps of k that a row is fetched ahead of its use: the hardware's prefetchers do not look
/// across rows.
static constexpr int64_t rowsAhead = 8;

void PanelPacker::packStrip(Value first, Value k0, Value depth, ArrayRef<Panel> panels) {
  b.loop(b.index(0), depth, 1, [&](Value k) {
    Value row = first, at = b.add(k0, k);
    for (const Panel &panel : panels) {
      factor.prefetch(b, row, b.add(at, b.index(rowsAhead)));
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

/// Applies `mask`, given for the first group of `group` lanes of two vectors, to every group.
static Value shuffleGroups(EmitBuilder &b, Value lhs, Value rhs, ArrayRef<int64_t> mask) {
  int64_t lanes = cast<VectorType>(lhs.getType()).getNumElements();
  int64_t group = mask.size();
  SmallVector<int64_t> full;
  for (int64_t base = 0; base < lanes; base += group)
    for (int64_t source : mask)
      full.push_back(source < group ? base + source : lanes + base + source - group);
  return vector::ShuffleOp::create(b, lhs, rhs, full);
}

/// Transposes each group of `vectors.size()` (1, 2 or 4) lanes; one 128-bit part of a register,
/// so that no shuffle crosses parts.
static SmallVector<Value> transposeGroups(EmitBuilder &b, ArrayRef<Value> vectors) {
  if (vectors.size() == 1)
    return {vectors[0]};
  if (vectors.size() == 2)
    return {shuffleGroups(b, vectors[0], vectors[1], {0, 2}),
            shuffleGroups(b, vectors[0], vectors[1], {1, 3})};
  Value low01 = shuffleGroups(b, vectors[0], vectors[1], {0, 4, 1, 5});
  Value low23 = shuffleGroups(b, vectors[2], vectors[3], {0, 4, 1, 5});
  Value high01 = shuffleGroups(b, vectors[0], vectors[1], {2, 6, 3, 7});
  Value high23 = shuffleGroups(b, vectors[2], vectors[3], {2, 6, 3, 7});
  return {shuffleGroups(b, low01, low23, {0, 1, 4, 5}),
          shuffleGroups(b, low01, low23, {2, 3, 6, 7}),
          shuffleGroups(b, high01, high23, {0, 1, 4, 5}),
          shuffleGroups(b, high01, high23, {2, 3, 6, 7})};
}

static Value concatenate(EmitBuilder &b, ArrayRef<Value> parts) {
  if (parts.size() == 1)
    return parts[0];
  Value low = concatenate(b, parts.take_front(parts.size() / 2));
  Value high = concatenate(b, parts.drop_front(parts.size() / 2));
  int64_t lanes = 2 * cast<VectorType>(low.getType()).getNumElements();
  return vector::ShuffleOp::create(b, low, high, llvm::to_vector(llvm::seq<int64_t>(0, lanes)));
}

/// For one vector of rows: element i of the result holds `factor[rows, k + i]`.
SmallVector<Value> PanelPacker::loadTransposed(ArrayRef<Value> rows, Value k) {
  SmallVector<Value> vectors;
  for (int64_t i = 0; i < tile.group; ++i) {
    SmallVector<Value> parts;
    for (int64_t base = 0; base < tile.lanes; base += tile.group)
      parts.push_back(factor.loadNarrow(b, rows[base + i], k, tile.group));
    vectors.push_back(b.convertFloat(concatenate(b, parts), factor.accumulator));
  }
  return transposeGroups(b, vectors);
}

void PanelPacker::packAlongK(ArrayRef<Value> rows, Value k0, Value end, const Panel &panel) {
  b.loop(b.index(0), end, tile.group, [&](Value k) {
    SmallVector<SmallVector<Value>> columns;
    for (size_t r = 0; r < rows.size(); r += tile.lanes)
      columns.push_back(loadTransposed(rows.slice(r, tile.lanes), b.add(k0, k)));
    // In ascending order: where count is no multiple of the lanes, a store writes past its
    // step, and the next one overwrites that.
    for (int64_t i = 0; i < tile.group; ++i)
      for (auto [v, column] : llvm::enumerate(columns))
        vector::StoreOp::create(b, column[i], panel.memref,
                                panel.at(b, b.add(k, b.index(i)), v * tile.lanes));
  });
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
  // Where the last vector of a step reaches past the step, another one must follow.
  Value vectors = panel.count == padded ? depth : b.sub(depth, b.index(1));
  if (factor.contiguousAlongK) {
    Value whole = b.roundDown(vectors, tile.group);
    packAlongK(rows, k0, whole, panel);
    return packScalars(rows, k0, whole, depth, panel);
  }
  if (!factor.contiguousAlongRow)
    return packScalars(rows, k0, b.index(0), depth, panel);
  Value end = b.add(first, b.index(padded));
  Value whole = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, end, limit);
  auto copyVectors = [&] {
    packStrip(first, k0, vectors, panel);
    packScalars(rows, k0, vectors, depth, panel);
  };
  b.branch(whole, copyVectors, [&] { packScalars(rows, k0, b.index(0), depth, panel); });
}
