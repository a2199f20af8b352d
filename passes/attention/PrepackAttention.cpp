#include "passes/attention/PrepackAttention.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/attention/AttentionPacker.h"
#include "passes/attention/MaskBounds.h"
#include "passes/attention/StoredRows.h"
#include "passes/tile/OutermostLoop.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::attn;

namespace {
/// An operand of an op in a parallel loop as a slice of a buffer from outside of it.
struct OuterOperand {
  Value source;
  SmallVector<OpFoldResult> offsets;
  SmallVector<int64_t> permutation; // of the dims, as the op takes them
};
} // namespace

static std::optional<OuterOperand> findOuter(Value operand, ArrayRef<int64_t> permutation,
                                             scf::ForallOp loop) {
  auto slice = operand.getDefiningOp<memref::SubViewOp>();
  if (!slice || !loop.isDefinedOutsideOfLoop(slice.getSource()) ||
      slice.getType().getRank() != slice.getSourceType().getRank() || !slice.hasUnitStride())
    return std::nullopt;
  return OuterOperand{slice.getSource(), slice.getMixedOffsets(),
                      SmallVector<int64_t>(permutation)};
}

/// The slice has all keys and columns.
static bool isWhole(const OuterOperand &operand) {
  return isConstantIntValue(operand.offsets[operand.permutation[2]], 0) &&
         isConstantIntValue(operand.offsets[operand.permutation[3]], 0);
}

/// There may be no loop.
static bool isOutside(Value operand, scf::ForallOp loop) {
  return !loop || loop.isDefinedOutsideOfLoop(operand);
}

/// The size of a buffer from outside of the loop.
static Value dimBefore(EmitBuilder &b, scf::ForallOp loop, Value buffer, int64_t dim) {
  OpBuilder::InsertionGuard guard(b);
  if (loop)
    b.setInsertionPoint(loop);
  return b.dim(buffer, dim);
}

Value fovea::totalRows(EmitBuilder &b, AttentionOp op) {
  scf::ForallOp loop = outermostLoop(op);
  if (isOutside(op.getQuery(), loop))
    return dimBefore(b, loop, op.getQuery(), op.getQueryPermutation()[2]);
  auto query = findOuter(op.getQuery(), op.getQueryPermutation(), loop);
  if (!query)
    return Value();
  return dimBefore(b, loop, query->source, query->permutation[2]);
}

Value fovea::totalKeys(EmitBuilder &b, AttentionOp op) {
  scf::ForallOp loop = outermostLoop(op);
  if (isOutside(op.getKey(), loop))
    return dimBefore(b, loop, op.getKey(), op.getKeyPermutation()[2]);
  auto key = findOuter(op.getKey(), op.getKeyPermutation(), loop);
  if (!key || !isConstantIntValue(key->offsets[key->permutation[2]], 0))
    return Value();
  return dimBefore(b, loop, key->source, key->permutation[2]);
}

namespace {
/// The loop that packs.
class Prepacking {
public:
  /// Emits the end of the keys of a batch element that need be packed; null if all are.
  using KeysEnd = llvm::function_ref<Value(EmitBuilder &, Value batch)>;

  Prepacking(EmitBuilder &b, const AttentionTile &tile, FloatType scoreType, OuterOperand key,
             OuterOperand value, bool packsKeys, bool packsValues, KeysEnd endOfKeys)
      : b(b), endOfKeys(endOfKeys), tile(tile), packer(b, tile, scoreType), scoreType(scoreType),
        key(std::move(key)), value(std::move(value)), packsKeys(packsKeys),
        packsValues(packsValues) {}

  void emit(Value wanted);
  Value packedKeys, packedValues;

private:
  Value dimOf(const OuterOperand &operand, int64_t dim) {
    return b.dim(operand.source, operand.permutation[dim]);
  }
  Value allocate(ArrayRef<OpFoldResult> loops, ArrayRef<OpFoldResult> blockShape);
  void packBlock(ValueRange indices);

  EmitBuilder &b;
  KeysEnd endOfKeys;
  const AttentionTile &tile;
  AttentionPacker packer;
  FloatType scoreType;
  OuterOperand key, value;
  bool packsKeys, packsValues;
};
} // namespace

Value Prepacking::allocate(ArrayRef<OpFoldResult> loops, ArrayRef<OpFoldResult> blockShape) {
  SmallVector<OpFoldResult> shape(loops);
  llvm::append_range(shape, blockShape);
  return allocateAligned(b, shape, scoreType);
}

void Prepacking::packBlock(ValueRange indices) {
  ValueRange head = indices.take_front(2);
  Value begin = b.mul(indices[2], b.index(tile.keysPerBlock));
  Value count = b.min(b.index(tile.keysPerBlock), b.sub(dimOf(key, 2), begin));
  KeyRange range{begin, b.index(0), count};
  if (packsKeys)
    packer.packKeys(viewOf(b, key.source, key.permutation, head), range,
                    viewOf(b, packedKeys, indices));
  if (packsValues)
    packer.packValues(viewOf(b, value.source, value.permutation, head), range,
                      viewOf(b, packedValues, indices));
}

void Prepacking::emit(Value wanted) {
  Value batches = b.createOrFold<arith::SelectOp>(wanted, dimOf(key, 0), b.index(0));
  Value blocks = b.createOrFold<arith::CeilDivUIOp>(dimOf(key, 2), b.index(tile.keysPerBlock));
  SmallVector<OpFoldResult> sizes =
      getAsOpFoldResult(ArrayRef<Value>{batches, dimOf(key, 1), blocks});
  auto columns = [&](const OuterOperand &operand) {
    return emitRowElements(b, operand.source, operand.permutation[3]);
  };
  if (packsKeys)
    packedKeys = allocate(sizes, packer.keyShape(columns(key)));
  if (packsValues)
    packedValues = allocate(sizes, packer.valueShape(columns(value)));
  auto loop = scf::ForallOp::create(b, sizes, ValueRange(), std::nullopt);
  loop->setAttr("attn.kernel_name", b.getStringAttr("pack"));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> indices(loop.getInductionVars());
  Value end = endOfKeys(b, indices[0]);
  if (!end)
    return packBlock(indices);
  Value begin = b.mul(indices[2], b.index(tile.keysPerBlock));
  Value isSeen = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::slt, begin, end);
  b.branch(
      isSeen, [&] { packBlock(indices); }, [] {});
}

std::optional<PrepackedOperands> fovea::prepackOperands(AttentionOp op, const AttentionTile &tile,
                                                        MaskSummary &summary, int64_t fewRows) {
  scf::ForallOp loop = outermostLoop(op);
  bool packsKeys = !takesKeysInPlace(op, tile);
  bool packsValues = !takesValuesInPlace(op, tile.keysPerTile);
  if (!loop || isWindowed(op) || (!packsKeys && !packsValues))
    return std::nullopt;
  auto key = findOuter(op.getKey(), op.getKeyPermutation(), loop);
  auto value = findOuter(op.getValue(), op.getValuePermutation(), loop);
  if (!key || !value || !isWhole(*key) || !isWhole(*value))
    return std::nullopt;
  EmitBuilder b(op.getLoc(), op.getOperation());
  auto offset = [&](int64_t dim) {
    return getValueOrCreateConstantIndexOp(b, op.getLoc(), key->offsets[key->permutation[dim]]);
  };
  PrepackedOperands packed;
  packed.batch = offset(0);
  packed.head = offset(1);
  Value rows = totalRows(b, op);
  b.setInsertionPoint(loop);
  Value wanted =
      rows ? b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sgt, rows, b.index(fewRows))
           : arith::ConstantIntOp::create(b, 1, 1).getResult();
  bool bounded = summary.prepareEndOfKeys(b);
  auto endOfKeys = [&](EmitBuilder &b, Value batch) {
    return bounded ? summary.emitEndOfKeys(b, batch, packed.batch) : Value();
  };
  Prepacking prepacking(b, tile, op.getScoreType(), *key, *value, packsKeys, packsValues,
                        endOfKeys);
  prepacking.emit(wanted);
  packed.keys = prepacking.packedKeys;
  packed.values = prepacking.packedValues;
  return packed;
}
