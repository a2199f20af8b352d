#include "passes/raise/MergedRegions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/OperationSupport.h"
#include "passes/mask/MaskPredicate.h"
#include "passes/tensors/DimSizes.h"

using namespace mlir;
using namespace fovea;
using attn::AttentionOp;

//===----------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------===//

static std::optional<LinearForm> formOf(OpFoldResult size, Region &region) {
  if (std::optional<int64_t> constant = getConstantIntValue(size))
    return LinearForm(*constant);
  return analyzeIndex(cast<Value>(size), region);
}

/// Joins two slices of one tensor that are adjacent along dim 2: the tensor, if they cover it.
static Value joinSlices(Value first, Value second, Region &region) {
  auto a = first.getDefiningOp<tensor::ExtractSliceOp>();
  auto b = second.getDefiningOp<tensor::ExtractSliceOp>();
  if (!a || !b || a.getSource() != b.getSource() || !a.hasUnitStride() || !b.hasUnitStride() ||
      a.getType().getRank() != 4 || a.getSourceType().getRank() != 4)
    return Value();
  for (int64_t dim : {0, 1, 3})
    if (!isConstantIntValue(a.getMixedOffsets()[dim], 0) ||
        !isConstantIntValue(b.getMixedOffsets()[dim], 0) ||
        a.getSourceType().getDimSize(dim) != a.getType().getDimSize(dim) ||
        !haveEqualSizes(first, dim, a.getSource(), dim) ||
        !haveEqualSizes(second, dim, b.getSource(), dim))
      return Value();
  OpBuilder builder(b);
  auto end = formOf(a.getMixedSizes()[2], region), begin = formOf(b.getMixedOffsets()[2], region);
  auto size = formOf(b.getMixedSizes()[2], region);
  auto whole = formOf(getDimSize(builder, b.getLoc(), b.getSource(), 2), region);
  bool covers = isConstantIntValue(a.getMixedOffsets()[2], 0) && end && begin && size && whole &&
                *end == *begin && *begin + *size == *whole;
  return covers ? a.getSource() : Value();
}

std::optional<MergedKeys> fovea::joinKeys(OpBuilder &builder, AttentionOp (&parts)[2],
                                          Region &region) {
  if (parts[0].getKey() == parts[1].getKey() && parts[0].getValue() == parts[1].getValue())
    return MergedKeys{parts[0].getKey(), parts[0].getValue(), Value()};
  for (bool swapped : {false, true}) {
    AttentionOp first = parts[swapped], second = parts[!swapped];
    Value key = joinSlices(first.getKey(), second.getKey(), region);
    Value value = joinSlices(first.getValue(), second.getValue(), region);
    if (!key || !value)
      continue;
    if (swapped)
      std::swap(parts[0], parts[1]);
    OpFoldResult size = getDimSize(builder, first.getLoc(), first.getKey(), 2);
    return MergedKeys{key, value, getValueOrCreateConstantIndexOp(builder, first.getLoc(), size)};
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

Value RegionMerger::isFirst(OpBuilder &b, Value j) {
  return arith::CmpIOp::create(b, merged.getLoc(), arith::CmpIPredicate::slt, j, keys.split);
}

/// Clones the body of one part's region at the merged op's arguments, the last two of which are
/// i and j.
Value RegionMerger::cloneBody(OpBuilder &b, Region &from, int part, ValueRange args) {
  Location loc = merged.getLoc();
  SmallVector<Value> own(args);
  if (part == 1 && shift)
    own[own.size() - 2] = arith::AddIOp::create(b, loc, own[own.size() - 2], shift);
  if (part == 1 && keys.split)
    own.back() = arith::SubIOp::create(b, loc, own.back(), keys.split);
  IRMapping mapping;
  mapping.map(from.getArguments(), own);
  for (Operation &op : from.front().without_terminator())
    b.clone(op, mapping);
  return mapping.lookupOrDefault(from.front().getTerminator()->getOperand(0));
}

bool RegionMerger::mergeMasks() {
  if (!parts[0].hasMask() && !parts[1].hasMask())
    return keys.split != nullptr;
  Location loc = merged.getLoc();
  Block &block = merged.getMask().emplaceBlock();
  OpBuilder b = OpBuilder::atBlockEnd(&block);
  for (int arg = 0; arg < 4; ++arg)
    block.addArgument(b.getIndexType(), loc);
  Value allowed[2];
  for (int part : {0, 1}) {
    if (parts[part].hasMask())
      allowed[part] = cloneBody(b, parts[part].getMask(), part, block.getArguments());
    else
      allowed[part] = arith::ConstantIntOp::create(b, loc, 1, /*width=*/1);
  }
  if (keys.split) {
    Value first = isFirst(b, block.getArgument(3));
    attn::YieldOp::create(
        b, loc, arith::SelectOp::create(b, loc, first, allowed[0], allowed[1]).getResult());
    return true;
  }
  attn::YieldOp::create(b, loc, arith::OrIOp::create(b, loc, allowed[0], allowed[1]).getResult());
  Region &mask = merged.getMask();
  return MaskPredicate::conjunction(
             {analyzePredicate(allowed[0], mask), analyzePredicate(allowed[1], mask)})
      .isFalse();
}

bool fovea::areSameRegions(Region &a, Region &b) {
  return OperationEquivalence::isRegionEquivalentTo(&a, &b, OperationEquivalence::IgnoreLocations);
}

static bool usesPositions(Region &score) {
  return !score.getArgument(3).use_empty() || !score.getArgument(4).use_empty();
}

void RegionMerger::mergeScores() {
  if (!parts[0].hasScore() && !parts[1].hasScore())
    return;
  Location loc = merged.getLoc();
  Block &block = merged.getScore().emplaceBlock();
  OpBuilder b = OpBuilder::atBlockEnd(&block);
  block.addArgument(merged.getScoreType(), loc);
  for (int arg = 0; arg < 4; ++arg)
    block.addArgument(b.getIndexType(), loc);
  bool isOne = parts[0].hasScore() && parts[1].hasScore() &&
               areSameRegions(parts[0].getScore(), parts[1].getScore()) &&
               (!keys.split || !usesPositions(parts[0].getScore()));
  Value score[2];
  for (int part : {0, 1})
    if (part == 0 || !isOne)
      score[part] = parts[part].hasScore()
                        ? cloneBody(b, parts[part].getScore(), part, block.getArguments())
                        : block.getArgument(0);
  Value result = score[0];
  if (!isOne)
    result = arith::SelectOp::create(b, loc, isFirst(b, block.getArgument(4)), score[0], score[1]);
  attn::YieldOp::create(b, loc, result);
}
