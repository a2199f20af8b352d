// The keys of a block: packed, or as they lie.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/attention/EmitAttentionKernel.h"
#include "passes/attention/StoredRows.h"
#include <numeric>

using namespace mlir;
using namespace fovea;

void AttentionKernel::fetchKeys(const KeyBlock &block) {
  if (keysInPlace) {
    firstKey = block.begin;
    return;
  }
  if (head.packedKeys)
    packedKeys = viewOf(b, head.packedKeys, b.divide(block.begin, tile.keysPerBlock));
  else
    packer.packKeys(head.key, {block.begin, block.visible.anyLo, block.visible.anyHi}, packedKeys);
}

void AttentionKernel::allocateKeys(bool prepacked) {
  if (!keysInPlace) {
    if (!prepacked)
      packedKeys = allocateAligned(b, packer.keyShape(headDim), scoreType);
    return;
  }
  std::optional<int64_t> known = getConstantIntValue(keys);
  if (known && *known % tile.keysPerTile == 0)
    return;
  OpFoldResult shape[] = {b.getIndexAttr(tile.keysPerTile), getAsOpFoldResult(headDim)};
  lastKeys = allocateAligned(b, shape, scoreType);
}

/// Rows of keys behind the last whole tile, and the last of them again up to a whole one.
void AttentionKernel::copyLastKeys() {
  int64_t count = tile.keysPerTile;
  Value first = b.roundDown(keys, count), last = b.sub(keys, b.index(1));
  Value hasNone = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, first, keys);
  Value rows = b.createOrFold<arith::SelectOp>(hasNone, b.index(0), b.index(count));
  int64_t lanes = std::gcd(*getConstantIntValue(headDim), tile.lanes);
  b.loop(b.index(0), rows, 1, [&](Value row) {
    Value source = b.min(b.add(first, row), last);
    b.loop(b.index(0), headDim, lanes, [&](Value column) {
      Value part = loadRowPart(b, head.key, source, column, lanes, scoreType);
      vector::StoreOp::create(b, part, lastKeys, ValueRange{row, column});
    });
  });
}

Value AttentionKernel::viewKeys(Value key) {
  int64_t count = tile.keysPerTile;
  if (!keysInPlace)
    return viewOf(b, packedKeys, b.divide(key, count));
  Value first = b.add(firstKey, key), begin[] = {first, b.index(0)};
  Value rows = tileOf(b, head.key, begin, count, *getConstantIntValue(headDim));
  if (!lastKeys)
    return rows;
  Value last = memref::CastOp::create(b, rows.getType(), lastKeys);
  Value isWhole =
      b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, b.add(first, b.index(count)), keys);
  return b.createOrFold<arith::SelectOp>(isWhole, rows, last);
}

Value AttentionKernel::loadKey(Value tileKeys, Value column, int64_t key) {
  Value place = b.index(key), inPlace[] = {place, column}, packed[] = {column, place};
  return memref::LoadOp::create(b, tileKeys, keysInPlace ? inPlace : packed);
}
