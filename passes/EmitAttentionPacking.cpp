// Between the layout of attention's operands and that of its kernel.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/EmitAttentionKernel.h"
#include "passes/VectorTranspose.h"

using namespace mlir;
using namespace fovea;

/// Elements of the memref's last dim can be loaded as a vector.
static bool hasContiguousRows(Value memref) {
  return cast<MemRefType>(memref.getType()).isLastDimUnitStride();
}

static Type elementType(Value memref) {
  return cast<MemRefType>(memref.getType()).getElementType();
}

//===----------------------------------------------------------------------===//
// Queries and keys
//===----------------------------------------------------------------------===//

void AttentionKernel::packTransposed(Value source, ValueRange sourceRows, Value factor, Value into,
                                     ValueRange leading, Value lane) {
  int64_t side = sourceRows.size();
  auto rowType = VectorType::get({side}, elementType(source));
  VectorType wideType = rowType.clone(scoreType);
  auto scaled = [&](Value value) -> Value {
    value = widen(value);
    return factor ? arith::MulFOp::create(b, value, b.splat(value.getType(), factor)).getResult()
                  : value;
  };
  auto storeColumn = [&](Value column, Value vector) {
    SmallVector<Value> at(leading);
    at.append({column, lane});
    vector::StoreOp::create(b, vector, into, at);
  };
  Value squares = hasContiguousRows(source) ? b.roundDown(headDim, side) : b.index(0);
  b.loop(b.index(0), squares, side, [&](Value column) {
    Vectors square = llvm::map_to_vector(sourceRows, [&](Value row) -> Value {
      return scaled(vector::LoadOp::create(b, rowType, source, ValueRange{row, column}));
    });
    for (auto [t, vector] : llvm::enumerate(transposeSquare(b, square)))
      storeColumn(b.add(column, b.index(t)), vector);
  });
  b.loop(squares, headDim, 1, [&](Value column) {
    Vectors elements = llvm::map_to_vector(sourceRows, [&](Value row) -> Value {
      return widen(memref::LoadOp::create(b, source, ValueRange{row, column}));
    });
    Value vector = vector::FromElementsOp::create(b, wideType, elements);
    storeColumn(column, scaled(vector));
  });
}

/// Rows first, first + 1, ..., none past `last`, which takes the place of those past it: what
/// is computed from them is not used.
static SmallVector<Value> rowsUpTo(EmitBuilder &b, Value first, Value last, int64_t count) {
  return llvm::map_to_vector(llvm::seq<int64_t>(count), [&](int64_t t) -> Value {
    return b.min(b.add(first, b.index(t)), last);
  });
}

void AttentionKernel::packQueries(const Panel &panel) {
  Value last = b.sub(b.add(panel.row, panel.count), b.index(1));
  b.loop(b.index(0), b.index(tile.width()), tile.lanes, [&](Value lane) {
    SmallVector<Value> sourceRows = rowsUpTo(b, b.add(panel.row, lane), last, tile.lanes);
    packTransposed(head.query, sourceRows, queryFactor, packedQueries, panel.index, lane);
  });
}

void AttentionKernel::packKeys(const KeyBlock &block) {
  Value last = b.sub(keys, b.index(1));
  Value first = b.roundDown(block.visible.anyLo, tile.keysPerTile);
  b.loop(first, block.visible.anyHi, tile.keysPerTile, [&](Value key) {
    SmallVector<Value> sourceRows = rowsUpTo(b, b.add(block.begin, key), last, tile.keysPerTile);
    packTransposed(head.key, sourceRows, Value(), packedKeys, divide(key, tile.keysPerTile),
                   b.index(0));
  });
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

void AttentionKernel::prepareValues(KeyBlock &block) {
  if (!valuesInPlace)
    copyValues(block);
  if (op.hasScore()) // any score may be -inf
    block.valuesAreFinite = checkValues(block);
  else if (mask)
    block.valuesAreFinite = checkPartialValues(block);
}

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

void AttentionKernel::copyValues(const KeyBlock &block) {
  auto rowType = VectorType::get({tile.lanes}, elementType(head.value));
  Value vectors = hasContiguousRows(head.value) ? b.roundDown(valueDim, tile.lanes) : b.index(0);
  b.loop(block.visible.anyLo, block.visible.anyHi, 1, [&](Value key) {
    Value row = b.add(block.begin, key);
    b.loop(b.index(0), vectors, tile.lanes, [&](Value column) {
      Value vector = vector::LoadOp::create(b, rowType, head.value, ValueRange{row, column});
      vector::StoreOp::create(b, widen(vector), copiedValues, ValueRange{key, column});
    });
    b.loop(vectors, valueDim, 1, [&](Value column) {
      Value element = memref::LoadOp::create(b, head.value, ValueRange{row, column});
      memref::StoreOp::create(b, widen(element), copiedValues, ValueRange{key, column});
    });
  });
}

/// True if no value of the block is infinite or NaN: x - x is +0 exactly for the others.
Value AttentionKernel::checkValues(const KeyBlock &block) {
  auto bitsType = b.getIntegerType(scoreType.getWidth());
  VectorType vectorBits = vectorType.clone(bitsType);
  auto spoil = [&](Value bits, Value value) -> Value {
    Value zero = arith::SubFOp::create(b, value, value);
    return arith::OrIOp::create(b, bits, arith::BitcastOp::create(b, bits.getType(), zero));
  };
  Value vectors = b.roundDown(valueDim, tile.lanes);
  Value from = valuesInPlace ? head.value : copiedValues;
  Value base = valuesInPlace ? block.begin : b.index(0);
  Vectors none = {b.constant(vectorBits, 0), b.constant(bitsType, 0)};
  Vectors bits =
      b.loop(block.visible.anyLo, block.visible.anyHi, 1, none, [&](Value key, ValueRange carried) {
        Value row = b.add(base, key);
        Vectors lanes = b.loop(
            b.index(0), vectors, tile.lanes, carried[0], [&](Value column, ValueRange inner) {
              Value value = vector::LoadOp::create(b, vectorType, from, ValueRange{row, column});
              return Vectors{spoil(inner[0], value)};
            });
        Vectors tail =
            b.loop(vectors, valueDim, 1, carried[1], [&](Value column, ValueRange inner) {
              Value value = memref::LoadOp::create(b, from, ValueRange{row, column});
              return Vectors{spoil(inner[0], value)};
            });
        return Vectors{lanes[0], tail[0]};
      });
  Value any = vector::ReductionOp::create(b, vector::CombiningKind::OR, bits[0]);
  any = arith::OrIOp::create(b, any, bits[1]);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, any, b.constant(bitsType, 0));
}

Value AttentionKernel::valueElement(const KeyBlock &block, Value key, Value column) {
  if (!valuesInPlace)
    return memref::LoadOp::create(b, copiedValues, ValueRange{key, column});
  return memref::LoadOp::create(b, head.value, ValueRange{b.add(block.begin, key), column});
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

void AttentionKernel::storeTransposed(Value from, ValueRange leading, Value lo, Value hi,
                                      Value into, const Panel &panel, Value columnOffset) {
  Type element = elementType(into);
  Value whole = hasContiguousRows(into) ? b.add(lo, b.roundDown(b.sub(hi, lo), tile.lanes)) : lo;
  auto source = [&](Value column, Value lane) {
    SmallVector<Value> at(leading);
    at.append({column, lane});
    return at;
  };
  b.loop(lo, whole, tile.lanes, [&](Value column) {
    b.loop(b.index(0), panel.count, tile.lanes, [&](Value lane) {
      Vectors square = llvm::map_to_vector(llvm::seq(tile.lanes), [&](int64_t t) -> Value {
        return vector::LoadOp::create(b, vectorType, from, source(b.add(column, b.index(t)), lane));
      });
      for (auto [t, vector] : llvm::enumerate(transposeSquare(b, square))) {
        Value row = b.add(lane, b.index(t));
        Value inside = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::slt, row, panel.count);
        Value at[] = {b.add(panel.row, row), b.add(columnOffset, column)};
        auto guard = scf::IfOp::create(b, inside);
        OpBuilder::InsertionGuard insertion(b);
        b.setInsertionPointToStart(guard.thenBlock());
        vector::StoreOp::create(b, narrow(vector, element), into, at);
      }
    });
  });
  b.loop(whole, hi, 1, [&](Value column) {
    b.loop(b.index(0), panel.count, 1, [&](Value lane) {
      Value value = memref::LoadOp::create(b, from, source(column, lane));
      Value at[] = {b.add(panel.row, lane), b.add(columnOffset, column)};
      memref::StoreOp::create(b, narrow(value, element), into, at);
    });
  });
}
