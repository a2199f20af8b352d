// Between the layout of attention's operands and that of its kernel.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/TypeUtilities.h"
#include "passes/attention/EmitAttentionKernel.h"
#include "passes/attention/SoftmaxMath.h"
#include "passes/attention/StoredRows.h"
#include "passes/vector/VectorTranspose.h"

using namespace mlir;
using namespace fovea;

//===----------------------------------------------------------------------===//
// Packed operands
//===----------------------------------------------------------------------===//

void AttentionKernel::packQueries(const Panel &panel) {
  Value last = b.sub(b.add(panel.row, panel.count), b.index(1));
  packer.packPanel(head.query, panel.row, last, tile.width(), queryFactor, packedQueries,
                   panel.index);
}

Value AttentionKernel::fetchBlock(const KeyBlock &block) {
  fetchKeys(block);
  bool masks = op.hasScore() || mask; // any score may be -inf
  firstValue = block.begin;
  if (!head.packedValues && !valuesInPlace)
    return packer.packValues(head.value, {block.begin, block.visible.anyLo, block.visible.anyHi},
                             packedValues,
                             /*check=*/masks);
  if (!valuesInPlace)
    packedValues = viewOf(b, head.packedValues, b.divide(block.begin, tile.keysPerBlock));
  if (!masks)
    return Value();
  return op.hasScore() ? checkValues(block) : checkPartialValues(block);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// True if no value of the block is infinite or NaN, or no key of it masked for any row.
Value AttentionKernel::checkPartialValues(const KeyBlock &block) {
  Value begin = block.visible.anyLo, end = block.visible.anyHi;
  Value lowPartial =
      b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::slt, begin, block.visible.allLo);
  Value highPartial =
      b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::slt, block.visible.allHi, end);
  Value partial = b.createOrFold<arith::OrIOp>(lowPartial, highPartial);
  auto check = scf::IfOp::create(b, b.getI1Type(), partial, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(check.thenBlock());
  scf::YieldOp::create(b, checkValues(block));
  b.setInsertionPointToStart(check.elseBlock());
  scf::YieldOp::create(b, arith::ConstantIntOp::create(b, 1, /*width=*/1).getResult());
  return check.getResult(0);
}

Value AttentionKernel::viewTile(Value column) {
  if (!valuesInPlace)
    return viewOf(b, packedValues, b.divide(column, tile.keysPerTile));
  OpFoldResult rows = getAsOpFoldResult(b.sub(keys, firstValue)), one = b.getIndexAttr(1);
  OpFoldResult offsets[] = {firstValue, column}, strides[] = {one, one};
  OpFoldResult sizes[] = {rows, b.getIndexAttr(tile.keysPerTile)};
  return memref::SubViewOp::create(b, head.value, offsets, sizes, strides);
}

/// True if no value of the rows of the block that some query sees is infinite or NaN.
Value AttentionKernel::checkValuesInPlace(const KeyBlock &block) {
  int64_t columns = cast<MemRefType>(head.value.getType()).getDimSize(1);
  int64_t lanes = columns % tile.lanes ? tile.keysPerTile : tile.lanes;
  auto type = VectorType::get({lanes}, scoreType);
  Value begin = b.add(block.begin, block.visible.anyLo),
        end = b.add(block.begin, block.visible.anyHi);
  Vectors none = {emitUnspoilt(b, type)};
  Vectors bits = b.loop(begin, end, 1, none, [&](Value row, ValueRange outer) {
    return b.loop(b.index(0), valueDim, lanes, outer, [&](Value column, ValueRange carried) {
      Value value = vector::LoadOp::create(b, type, head.value, ValueRange{row, column});
      return Vectors{emitSpoilt(b, carried[0], value)};
    });
  });
  return emitIsZero(b, bits[0]);
}

/// True if no value of the block is infinite or NaN. Looks at whole vectors, and so at as many keys
/// as were packed.
Value AttentionKernel::checkValues(const KeyBlock &block) {
  if (valuesInPlace)
    return checkValuesInPlace(block);
  int64_t keysPerVector = std::max<int64_t>(tile.lanes / tile.keysPerTile, 1);
  auto type = VectorType::get({keysPerVector * tile.keysPerTile}, scoreType);
  Value first = b.roundDown(block.visible.anyLo, tile.keysPerTile);
  Value end = b.roundUp(block.visible.anyHi, tile.keysPerTile);
  Value groups = b.divide(paddedValueDim, tile.keysPerTile);
  Vectors none = {emitUnspoilt(b, type)};
  Vectors bits = b.loop(b.index(0), groups, 1, none, [&](Value group, ValueRange outer) {
    Value tileValues = viewOf(b, packedValues, group);
    Value flat =
        memref::CollapseShapeOp::create(b, tileValues, ArrayRef<ReassociationIndices>{{0, 1}});
    return b.loop(first, end, keysPerVector, outer, [&](Value key, ValueRange carried) {
      Value place = b.mul(key, b.index(tile.keysPerTile));
      Value value = vector::LoadOp::create(b, type, flat, place);
      return Vectors{emitSpoilt(b, carried[0], value)};
    });
  });
  return emitIsZero(b, bits[0]);
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

void AttentionKernel::storeTransposed(Value from, ValueRange leading, Value lo, Value hi,
                                      Value into, const Panel &panel, Value columnOffset,
                                      Value factors) {
  Type element = getElementTypeOrSelf(into);
  Value whole = hasContiguousRows(into) ? b.add(lo, b.roundDown(b.sub(hi, lo), tile.lanes)) : lo;
  Value last = b.sub(b.add(panel.row, panel.count), b.index(1));
  auto source = [&](Value column, Value lane) {
    SmallVector<Value> at(leading);
    at.append({column, lane});
    return at;
  };
  auto scale = [&](Value value, Value lane) -> Value {
    if (!factors)
      return value;
    Value factor = memref::LoadOp::create(b, factors, ValueRange{panel.index, lane});
    if (auto type = dyn_cast<VectorType>(value.getType()))
      factor = b.splat(type, factor);
    return emitRescaled(b, op, value, factor);
  };
  // Few rows at a time, so that registers hold their addresses.
  int64_t side = narrowColumns(scoreType, tile.lanes);
  auto part = VectorType::get({side}, scoreType);
  b.loop(b.index(0), panel.count, side, [&](Value lane) {
    // Lanes behind the last row go there too, before it: so no store needs a branch.
    SmallVector<Value> rows = packer.rowsUpTo(b.add(panel.row, lane), last, side);
    b.loop(lo, whole, tile.lanes, [&](Value column) {
      Value narrow = tileOf(b, from, source(column, lane), tile.lanes, side);
      Vectors columns = llvm::map_to_vector(llvm::seq(tile.lanes), [&](int64_t t) -> Value {
        return vector::LoadOp::create(b, part, narrow, ValueRange{b.index(t), b.index(0)});
      });
      Vectors parts = transposeNarrow(b, columns);
      for (int64_t t = side - 1; t >= 0; --t) {
        Value row = scale(parts[t], b.add(lane, b.index(t)));
        Value at[] = {rows[t], b.add(columnOffset, column)};
        vector::StoreOp::create(b, b.convertFloat(row, element), into, at);
      }
    });
  });
  b.loop(whole, hi, 1, [&](Value column) {
    b.loop(b.index(0), panel.count, 1, [&](Value lane) {
      Value value = scale(memref::LoadOp::create(b, from, source(column, lane)), lane);
      Value at[] = {b.add(panel.row, lane), b.add(columnOffset, column)};
      memref::StoreOp::create(b, b.convertFloat(value, element), into, at);
    });
  });
}
