#include "passes/attention/MaskSummary.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Transforms/RegionUtils.h"
#include "passes/attention/AttentionPacker.h"
#include <limits>
#include <numeric>

using namespace mlir;
using namespace fovea;
using namespace fovea::attn;

//===----------------------------------------------------------------------===//
// What can be read in front
//===----------------------------------------------------------------------===//

MaskSummary::MaskSummary(AttentionOp op) : op(op), preheader(op) {
  if (!op.hasMask())
    return;
  MaskBlocks mask(op.getMask());
  for (const MaskBlocks::Data &data : mask.getData())
    if (std::optional<Table> table = plan(data))
      tables.push_back(std::move(*table));
}

bool MaskSummary::has(const MaskBlocks::Data &data) const {
  return llvm::any_of(tables, [&](const Table &table) { return table.data == data.value; });
}

std::optional<MaskSummary::Table> MaskSummary::plan(const MaskBlocks::Data &data) {
  Type type = data.value.getType();
  bool isInteger = type.isIndex() || (type.isInteger() && type.getIntOrFloatBitWidth() <= 64);
  std::optional<SetVector<Value>> variables;
  if (isInteger)
    variables = preheader.findVariables(data.value);
  if (!variables)
    return std::nullopt;
  return Table{data.value, data.ofQuery, data.ofKey, std::move(*variables), {}, Value()};
}

//===----------------------------------------------------------------------===//
// Filling
//===----------------------------------------------------------------------===//

static Value asIndex(EmitBuilder &b, Value value) {
  if (value.getType().isIndex())
    return value;
  if (value.getType().isInteger(1))
    return arith::IndexCastUIOp::create(b, b.getIndexType(), value);
  return arith::IndexCastOp::create(b, b.getIndexType(), value);
}

/// min(a, b) and max(a, b) of pairs.
static SmallVector<Value> merge(EmitBuilder &b, ValueRange bounds, Value low, Value high) {
  return {b.createOrFold<arith::MinSIOp>(bounds[0], low),
          b.createOrFold<arith::MaxSIOp>(bounds[1], high)};
}

static SmallVector<Value> noBounds(EmitBuilder &b) {
  return {b.index(std::numeric_limits<int64_t>::max()),
          b.index(std::numeric_limits<int64_t>::min())};
}

/// The bounds of booleans that `scan` gives, or those that are known if they are false and true: no
/// others can change them.
static SmallVector<Value> whereUndecided(EmitBuilder &b, ValueRange known,
                                         function_ref<SmallVector<Value>()> scan) {
  Value undecided = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, known[0], known[1]);
  auto branch = scf::IfOp::create(b, known.getTypes(), undecided, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(b, scan());
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, known);
  return SmallVector<Value>(branch.getResults());
}

/// Multiples of this are the only positions at which `value` can change: the divisor where it is
/// computed from the position's quotients alone. 0 if it does not depend on the position.
static int64_t stepOf(Value value, Value position) {
  int64_t step = 0;
  SetVector<Value> reached;
  reached.insert(value);
  for (size_t i = 0; i < reached.size(); ++i) {
    if (reached[i] == position)
      return 1;
    Operation *owner = reached[i].getDefiningOp();
    if (!owner)
      continue;
    // Rounded down: a position may be negative, where other quotients change elsewhere.
    bool isQuotient = isa<arith::FloorDivSIOp>(owner);
    auto divisor = isQuotient ? getConstantIntValue(owner->getOperand(1)) : std::nullopt;
    if (divisor && *divisor > 0 && owner->getOperand(0) == position)
      step = std::gcd(step, *divisor);
    else
      reached.insert(owner->operand_begin(), owner->operand_end());
  }
  return step;
}

/// Calls `body` with one position for every value that data with this step may have between two
/// positions.
static SmallVector<Value> loopOverPositions(EmitBuilder &b, Value begin, Value end, int64_t step,
                                            ValueRange inits, EmitBuilder::LoopBody body) {
  if (step <= 1)
    return b.loop(begin, end, 1, inits, body);
  auto quotient = [&](Value position) {
    return b.createOrFold<arith::FloorDivSIOp>(position, b.index(step));
  };
  Value last = quotient(b.sub(end, b.index(1)));
  return b.loop(quotient(begin), b.add(last, b.index(1)), 1, inits,
                [&](Value multiple, ValueRange carried) {
                  Value first = b.mul(multiple, b.index(step));
                  return body(b.createOrFold<arith::MaxSIOp>(begin, first), carried);
                });
}

void MaskSummary::fill(EmitBuilder &b, Table &table) {
  for (Value variable : table.variables)
    table.axes.push_back(preheader.axisOf(b, variable));
  auto blocks = [&](bool varies, Value count, int64_t size) -> OpFoldResult {
    if (!varies)
      return b.getIndexAttr(1);
    return getAsOpFoldResult(b.createOrFold<arith::CeilDivUIOp>(count, b.index(size)));
  };
  SmallVector<OpFoldResult> shape;
  for (const Preheader::Axis &axis : table.axes)
    shape.push_back(axis.count);
  shape.push_back(blocks(table.ofQuery, positions.queries, queriesPerBlock));
  shape.push_back(blocks(table.ofKey, positions.keys, keysPerBlock));
  auto loopOverBlocks = scf::ForallOp::create(b, shape, ValueRange(), std::nullopt);
  loopOverBlocks->setAttr("attn.kernel_name", b.getStringAttr("summarise"));
  shape.push_back(b.getIndexAttr(2));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(loopOverBlocks);
  table.bounds = allocateAligned(b, shape, b.getI64Type());
  b.setInsertionPointToStart(loopOverBlocks.getBody());
  SmallVector<Value> place(loopOverBlocks.getInductionVars());

  Block::BlockArgListType args = op.getMask().getArguments();
  IRMapping fixed;
  for (Value arg : args)
    fixed.map(arg, b.index(0));
  for (auto [axis, number] : llvm::zip(table.axes, place))
    fixed.map(axis.variable, preheader.valueAt(b, axis, number));
  // One iteration over positions that the data does not depend on.
  auto range = [&](bool varies, Value number, Value count, int64_t size) {
    Value begin = varies ? b.mul(number, b.index(size)) : b.index(0);
    Value end = varies ? b.min(b.add(begin, b.index(size)), count) : b.index(1);
    return std::pair(begin, end);
  };
  auto [row, rowEnd] =
      range(table.ofQuery, place[place.size() - 2], positions.queries, queriesPerBlock);
  auto [key, keyEnd] = range(table.ofKey, place.back(), positions.keys, keysPerBlock);
  auto scanRow = [&](Value position, ValueRange known) {
    auto scan = [&] {
      int64_t step = stepOf(table.data, args[3]);
      return loopOverPositions(b, key, keyEnd, step, known, [&](Value key, ValueRange ofKeys) {
        IRMapping mapping = fixed;
        mapping.map(args[2], position);
        mapping.map(args[3], key);
        Value element = asIndex(b, preheader.clone(b, table.data, mapping));
        return merge(b, ofKeys, element, element);
      });
    };
    return table.data.getType().isInteger(1) ? whereUndecided(b, known, scan) : scan();
  };
  SmallVector<Value> bounds =
      loopOverPositions(b, b.add(positions.first, row), b.add(positions.first, rowEnd),
                        stepOf(table.data, args[2]), noBounds(b), scanRow);
  for (auto [number, bound] : llvm::enumerate(bounds)) {
    SmallVector<Value> at = place;
    at.push_back(b.index(number));
    Value stored = arith::IndexCastOp::create(b, b.getI64Type(), bound);
    memref::StoreOp::create(b, stored, table.bounds, at);
  }
}

/// Finds the op's positions as they are in front of the loop.
bool MaskSummary::findPositions(EmitBuilder &b) {
  std::optional<Preheader::Positions> found = preheader.findPositions(b);
  if (!found)
    return false;
  positions = *found;
  return true;
}

void MaskSummary::emit(int64_t rowsOfBlock, int64_t keysOfBlock) {
  if (tables.empty())
    return;
  queriesPerBlock = rowsOfBlock;
  keysPerBlock = keysOfBlock;
  EmitBuilder b = preheader.builder();
  if (!findPositions(b))
    return tables.clear(); // the operands are no slices of buffers from outside
  for (Table &table : tables)
    fill(b, table);
}

//===----------------------------------------------------------------------===//
// What no query sees
//===----------------------------------------------------------------------===//

/// Recomputes what the mask takes from inside the loop, for the tile that `batch` is in.
bool MaskSummary::mapCaptured(EmitBuilder &b, IRMapping &mapping, Value batch, Value offset) const {
  AttentionOp attention = op;
  auto variable = dyn_cast<BlockArgument>(offset);
  bool isOfLoop = variable && variable.getOwner()->getParentOp() == preheader.getLoop();
  if (!isOfLoop && !isConstantIntValue(offset, 0))
    return false;
  mapping.map(attention.getMask().getArgument(0), isOfLoop ? b.index(0) : batch);
  IRMapping tile;
  if (isOfLoop)
    tile.map(offset, batch);
  SetVector<Value> captured;
  getUsedValuesDefinedAbove(attention.getMask(), captured);
  for (Value value : captured) {
    SetVector<Value> variables;
    if (!preheader.isReadable(value, variables) ||
        llvm::any_of(variables, [&](Value used) { return used != offset; }))
      return false;
    mapping.map(value, isa<BlockArgument>(value) ? tile.lookupOrDefault(value)
                                                 : preheader.clone(b, value, tile));
  }
  return true;
}

// A fill may give any key a weight.
bool MaskSummary::prepareEndOfKeys(EmitBuilder &b) {
  return preheader.getLoop() && op.hasMask() && !op.getFill() &&
         op.getMask().getArgument(1).use_empty() && findPositions(b);
}

Value MaskSummary::emitEndOfKeys(EmitBuilder &b, Value batch, Value offset) const {
  AttentionOp op = this->op;
  MaskBlocks mask(op.getMask(), [](const MaskBlocks::Data &) { return false; });
  IRMapping mapping;
  if (!mask.isBounded() || !mapCaptured(b, mapping, batch, offset))
    return Value();
  mapping.map(op.getMask().getArgument(1), b.index(0));
  mapping.map(mask.firstQuery(), positions.first);
  mapping.map(mask.lastQuery(), b.sub(b.add(positions.first, positions.queries), b.index(1)));
  PredicateEmitter forms(b, b.getLoc(), op.getMask(), mapping);
  return mask.getSeen().emit(b, forms, positions.keys).hi;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

std::pair<Value, Value> MaskSummary::emitBounds(EmitBuilder &b, const MaskBlocks::Data &data,
                                                const EmittedBlock &block) const {
  AttentionOp attention = op;
  const Table &table =
      *llvm::find_if(tables, [&](const Table &table) { return table.data == data.value; });
  SmallVector<Value> place;
  for (const Preheader::Axis &axis : table.axes) {
    Value value = axis.variable;
    if (value == attention.getMask().getArgument(0))
      value = block.batch;
    else if (value == attention.getMask().getArgument(1))
      value = block.head;
    place.push_back(preheader.placeOf(b, axis, value));
  }
  Value first = b.index(0), last = b.index(0);
  if (table.ofQuery) {
    first = b.divide(b.sub(block.firstQuery, positions.first), queriesPerBlock);
    last = b.divide(b.sub(block.lastQuery, positions.first), queriesPerBlock);
  }
  Value keyBlock = table.ofKey ? b.divide(block.firstKey, keysPerBlock) : b.index(0);
  SmallVector<Value> bounds = b.loop(first, b.add(last, b.index(1)), 1, noBounds(b),
                                     [&](Value queryBlock, ValueRange carried) {
                                       SmallVector<Value> loaded;
                                       for (int64_t number : {0, 1}) {
                                         SmallVector<Value> at = place;
                                         at.append({queryBlock, keyBlock, b.index(number)});
                                         Value bound = memref::LoadOp::create(b, table.bounds, at);
                                         loaded.push_back(asIndex(b, bound));
                                       }
                                       return merge(b, carried, loaded[0], loaded[1]);
                                     });
  return {bounds[0], bounds[1]};
}
