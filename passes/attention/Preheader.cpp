#include "passes/attention/Preheader.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/attention/PrepackAttention.h"
#include "passes/buffers/BufferWrites.h"
#include "passes/tile/OutermostLoop.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::attn;

Preheader::Preheader(AttentionOp op) : op(op), loop(outermostLoop(op)) {}

EmitBuilder Preheader::builder() const {
  AttentionOp attention = op;
  scf::ForallOp around = loop;
  return EmitBuilder(attention.getLoc(), around ? around.getOperation() : attention.getOperation());
}

//===----------------------------------------------------------------------===//
// What can be read
//===----------------------------------------------------------------------===//

bool Preheader::isInside(Operation *inner) const {
  AttentionOp attention = op;
  return loop ? loop->isAncestor(inner) : attention->isProperAncestor(inner);
}

/// 0 to 3 for the batch, the head and the positions; a score function has the score in front.
static int64_t dimOf(BlockArgument arg) {
  return int64_t(arg.getArgNumber()) - (int64_t(arg.getOwner()->getNumArguments()) - 4);
}

bool Preheader::isReadable(Value value, SetVector<Value> &variables) const {
  AttentionOp attention = op;
  SetVector<Value> reached;
  reached.insert(value);
  for (size_t i = 0; i < reached.size(); ++i) {
    if (auto arg = dyn_cast<BlockArgument>(reached[i])) {
      Operation *owner = arg.getOwner()->getParentOp();
      bool isOfRegion = owner == attention;
      if ((!isOfRegion && owner != loop && isInside(owner)) || (isOfRegion && dimOf(arg) < 0))
        return false;
      bool isPosition = isOfRegion && dimOf(arg) >= 2;
      if (!isPosition && (isOfRegion || owner == loop))
        variables.insert(arg);
      continue;
    }
    Operation *owner = reached[i].getDefiningOp();
    if (!isInside(owner))
      continue;
    auto load = dyn_cast<memref::LoadOp>(owner);
    if (owner->getNumRegions() != 0 || (!load && !isMemoryEffectFree(owner)) ||
        (load && loop && mayWriteTo(loop, load.getMemref())))
      return false;
    reached.insert(owner->operand_begin(), owner->operand_end());
  }
  return true;
}

/// The size of the op along its batch or its heads, which `arg` counts.
static int64_t sizeAlong(AttentionOp op, BlockArgument arg) {
  int64_t dim = op.getQueryPermutation()[dimOf(arg)];
  return cast<MemRefType>(op.getQuery().getType()).getDimSize(dim);
}

/// A loop's sizes may be dynamic in front of it, those of a tile are then known only inside.
bool Preheader::hasKnownRange(Value variable) const {
  auto arg = cast<BlockArgument>(variable);
  bool isOfLoop = loop && arg.getOwner()->getParentOp() == loop;
  return isOfLoop || !loop || ShapedType::isStatic(sizeAlong(op, arg));
}

/// A tile of one batch element or one head has but one of them.
bool Preheader::takesOneValue(Value variable) const {
  auto arg = cast<BlockArgument>(variable);
  return arg.getOwner()->getParentOp() == op && sizeAlong(op, arg) == 1;
}

std::optional<SetVector<Value>> Preheader::findVariables(Value value) const {
  SetVector<Value> variables;
  if (!isReadable(value, variables) ||
      !llvm::all_of(variables, [&](Value variable) { return hasKnownRange(variable); }))
    return std::nullopt;
  variables.remove_if([&](Value variable) { return takesOneValue(variable); });
  return variables;
}

Value Preheader::clone(EmitBuilder &b, Value value, IRMapping &mapping) const {
  Operation *owner = value.getDefiningOp();
  if (mapping.contains(value) || !owner || !isInside(owner))
    return mapping.lookupOrDefault(value);
  for (Value operand : owner->getOperands())
    mapping.map(operand, clone(b, operand, mapping));
  b.clone(*owner, mapping);
  return mapping.lookup(value);
}

//===----------------------------------------------------------------------===//
// Axes
//===----------------------------------------------------------------------===//

static Value valueOf(EmitBuilder &b, OpFoldResult fold) {
  return getValueOrCreateConstantIndexOp(b, b.getLoc(), fold);
}

Preheader::Axis Preheader::axisOf(EmitBuilder &b, Value variable) const {
  AttentionOp attention = op;
  auto arg = cast<BlockArgument>(variable);
  scf::ForallOp around = loop;
  if (!around || arg.getOwner()->getParentOp() != around) {
    Value count = b.dim(attention.getQuery(), attention.getQueryPermutation()[dimOf(arg)]);
    if (int64_t size = sizeAlong(op, arg); ShapedType::isStatic(size))
      count = b.index(size);
    return {variable, b.getIndexAttr(0), b.getIndexAttr(1), getAsOpFoldResult(count)};
  }
  size_t number = arg.getArgNumber();
  OpFoldResult lower = around.getMixedLowerBound()[number], step = around.getMixedStep()[number];
  Value extent = b.sub(valueOf(b, around.getMixedUpperBound()[number]), valueOf(b, lower));
  Value count = b.createOrFold<arith::CeilDivSIOp>(extent, valueOf(b, step));
  return {variable, lower, step, getAsOpFoldResult(count)};
}

Value Preheader::valueAt(EmitBuilder &b, const Axis &axis, Value number) const {
  return b.add(valueOf(b, axis.lower), b.mul(number, valueOf(b, axis.step)));
}

Value Preheader::placeOf(EmitBuilder &b, const Axis &axis, Value value) const {
  Value distance = b.sub(value, valueOf(b, axis.lower));
  return b.createOrFold<arith::DivUIOp>(distance, valueOf(b, axis.step));
}

//===----------------------------------------------------------------------===//
// Positions
//===----------------------------------------------------------------------===//

std::optional<Preheader::Positions> Preheader::findPositions(EmitBuilder &b) const {
  AttentionOp attention = op;
  scf::ForallOp around = loop;
  Positions found;
  if (around) {
    found.queries = totalRows(b, attention);
    found.keys = totalKeys(b, attention);
  } else {
    found.queries = b.dim(attention.getQuery(), attention.getQueryPermutation()[2]);
    found.keys = b.dim(attention.getKey(), attention.getKeyPermutation()[2]);
  }
  SetVector<Value> unused;
  Value offset = attention.getQueryOffset();
  if (!found.queries || !found.keys || (offset && !isReadable(offset, unused)))
    return std::nullopt;
  IRMapping atFirst;
  if (around)
    for (auto [variable, lower] : llvm::zip(around.getInductionVars(), around.getMixedLowerBound()))
      atFirst.map(variable, valueOf(b, lower));
  if (offset)
    found.first = clone(b, offset, atFirst);
  else if (attention.getAlignment() == Alignment::BottomRight)
    found.first = b.sub(found.keys, found.queries);
  else
    found.first = b.index(0);
  return found;
}
