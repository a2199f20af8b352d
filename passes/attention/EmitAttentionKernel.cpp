#include "passes/attention/EmitAttentionKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/attention/SoftmaxMath.h"
#include "passes/attention/StoredRows.h"
#include "passes/vector/LaneLoads.h"

using namespace mlir;
using namespace fovea;

AttentionKernel::AttentionKernel(EmitBuilder &b, attn::AttentionOp op, const AttentionTile &tile,
                                 const MaskSummary &summary, const DistanceTables *distances)
    : b(b), op(op), tile(tile), scoreType(op.getScoreType()), packer(b, tile, scoreType),
      vectorType(VectorType::get({tile.lanes}, scoreType)), keysInPlace(takesKeysInPlace(op, tile)),
      valuesInPlace(takesValuesInPlace(op, tile.keysPerTile)), maskedScore(maskedExponent(op)),
      usedVectors(tile.vectors) {
  if (op.hasMask())
    mask.emplace(op.getMask(), &summary);
  if (distances) {
    distanceTables = distances->get();
    distanceToPlace = distances->getToPlace();
  }
  rows = b.dim(op.getQuery(), op.getQueryPermutation()[2]);
  keys = b.dim(op.getKey(), op.getKeyPermutation()[2]);
  headDim = b.dim(op.getQuery(), op.getQueryPermutation()[3]);
  valueDim = emitRowElements(b, op.getValue(), op.getValuePermutation()[3]);
  paddedValueDim = b.roundUp(valueDim, tile.keysPerTile);
  if (Value sums = op.getBucketSumsInit())
    buckets = b.dim(sums, 3);
  if (Value offset = op.getQueryOffset())
    firstPosition = offset;
  else if (op.getAlignment() == attn::Alignment::BottomRight)
    firstPosition = b.sub(keys, rows);
  else
    firstPosition = b.index(0);
}

//===----------------------------------------------------------------------===//
// Scratch memory
//===----------------------------------------------------------------------===//

void AttentionKernel::allocateScratch(bool prepacked) {
  auto size = [&](int64_t n) -> OpFoldResult { return b.getIndexAttr(n); };
  auto allocate = [&](ArrayRef<OpFoldResult> shape) {
    return allocateAligned(b, shape, scoreType);
  };
  OpFoldResult panels = size(tile.panelsPerBlock), width = size(tile.width());
  packedQueries = allocate({panels, getAsOpFoldResult(headDim), width});
  allocateKeys(prepacked);
  if (!valuesInPlace && !prepacked)
    packedValues = allocate(packer.valueShape(valueDim));
  scores = allocate({size(tile.keysPerBlock), width});
  OpFoldResult slots = size(tile.keysPerSegment ? 2 : 1);
  states.outputs = allocate({slots, panels, getAsOpFoldResult(paddedValueDim), width});
  states.maxima = allocate({slots, panels, width});
  newMaxima = allocate({width});
  if (keepsProbabilities())
    unscaled = allocate({panels, getAsOpFoldResult(unscaledSize())});
  states.sums = allocate({slots, panels, width});
  for (Region *region : {&op.getScore(), &op.getMask()})
    allocateTransposed(*region);
  if (buckets)
    states.buckets = allocate({slots, panels, getAsOpFoldResult(buckets), width});
  if (op.getColumnChunk())
    columnScratch = allocate({size(tile.keysPerBlock), size(tile.lanes)});
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

void AttentionKernel::emitHead(const AttentionHead &newHead) {
  head = newHead;
  queryFactor = emitQueryFactor(b, op, headDim);
  if (lastKeys)
    copyLastKeys();
  std::optional<int64_t> chunk = op.getColumnChunk();
  if (!chunk)
    return emitRows(b.index(0), rows, Value());
  b.loop(b.index(0), rows, *chunk, [&](Value row) {
    Value number = b.divide(row, *chunk);
    clearColumnSums(number);
    emitRows(row, b.min(b.add(row, b.index(*chunk)), rows), number);
  });
}

void AttentionKernel::emitRows(Value begin, Value end, Value chunk) {
  b.loop(begin, end, tile.rowsPerBlock(), [&](Value row) {
    emitRowBlock(row, b.min(b.index(tile.rowsPerBlock()), b.sub(end, row)), chunk);
  });
}

void AttentionKernel::emitRowBlock(Value row, Value count, Value chunk) {
  forEachPanel(row, count, [&](const Panel &panel) { packQueries(panel); });
  if (op.getFill() && mask->boundsKeys())
    attendWithFill(row, count);
  else
    attendToKeys(row, count);
  useState(b.index(total));
  forEachPanel(row, count, [&](const Panel &panel) { finish(panel); });
  if (needsWeights()) {
    Value first = b.add(firstPosition, row);
    Value last = b.sub(b.add(first, count), b.index(1));
    emitWeights(row, count, boundsOf(first, last), chunk);
  }
  seesAll = Value();
}

void AttentionKernel::attendToKeys(Value row, Value count) {
  Value first = b.add(firstPosition, row);
  Value last = b.sub(b.add(first, count), b.index(1));
  MaskBounds bounds = boundsOf(first, last);
  KeySpan own = keysOfTotal(bounds);
  useState(b.index(total));
  forEachPanel(row, count, [&](const Panel &panel) { initialize(panel, own); });
  auto visit = [&](KeyBlock block) {
    if (!hasGaps())
      return attendToBlock(row, count, block);
    Value some = orSeesAll(mask->emitSome(b, rectangle(first, last, block)));
    b.branch(
        some, [&] { attendToBlock(row, count, block); }, [] {});
  };
  forEachSegment(row, count, bounds,
                 [&](Value lo, Value hi) { forEachKeyBlock(bounds, lo, hi, visit); });
}

void AttentionKernel::attendToBlock(Value row, Value count, KeyBlock block) {
  block.valuesAreFinite = fetchBlock(block);
  forEachPanel(row, count, [&](const Panel &panel) {
    auto attend = [&](const MaskBounds &visible) {
      startsOutputs = isFirstBlock(panel, block);
      findSpans(panel, block);
      emitScores(panel, block, visible);
      emitSoftmax(panel, block, visible);
      emitValues(panel, block, visible);
      if (buckets)
        emitBuckets(panel, block, visible);
      vectorSpans.clear();
      startsOutputs = Value();
    };
    whereVisible(panel, block, attend, [] {});
  });
}

// Where a row has a key that outweighs the fill, visiting masked keys adds exact zeros: so it does
// not matter which rows of the block are the reason for the second time.
void AttentionKernel::attendWithFill(Value row, Value count) {
  b.loop(b.index(0), b.index(2), 1, [&](Value time) {
    Value again = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, time, b.index(0));
    Value once = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, time, b.index(0));
    b.branch(
        arith::OrIOp::create(b, once, needsMaskedKeys(count)),
        [&] {
          seesAll = again;
          attendToKeys(row, count);
        },
        [] {});
  });
  seesAll = needsMaskedKeys(count);
}

/// Whether some row's maximum is so small that masked keys have a weight beside it.
Value AttentionKernel::needsMaskedKeys(Value count) {
  useState(b.index(total));
  // 2^-1100 is 0 in f64 too; the margin is that and more than scores of this size are apart.
  Value outweighed = b.constant(vectorType, maskedScore + std::max(2048.0, -maskedScore * 0x1p-20));
  VectorType flags = vectorType.clone(b.getI1Type());
  Vectors none = {b.constant(flags, 0)};
  Value any = b.loop(b.index(0), count, tile.width(), none, [&](Value start, ValueRange carried) {
    Value found = carried[0];
    for (Value maximum : load(maxima, {b.divide(start, tile.width())})) {
      Value small = compare(arith::CmpFPredicate::ULE, maximum, outweighed);
      found = arith::OrIOp::create(b, found, small);
    }
    return Vectors{found};
  })[0];
  return vector::ReductionOp::create(b, vector::CombiningKind::OR, any);
}

Value AttentionKernel::isFirstBlock(const Panel &panel, const KeyBlock &block) {
  if (!writesFirstOutputs())
    return Value();
  Value firstKey = boundsOf(panel.first, panel.last).anyLo;
  Value isFirst = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sge, firstKey, block.begin);
  if (!tile.keysPerSegment)
    return isFirst;
  Value place = b.createOrFold<arith::RemUIOp>(block.begin, b.index(tile.keysPerSegment));
  Value begins = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, place, b.index(0));
  return b.createOrFold<arith::OrIOp>(isFirst, begins);
}

Value AttentionKernel::orSeesAll(Value isSeen) {
  return seesAll ? arith::OrIOp::create(b, isSeen, seesAll).getResult() : isSeen;
}

void AttentionKernel::forEachPanel(Value row, Value count, function_ref<void(Panel)> body) {
  b.loop(b.index(0), count, tile.width(), [&](Value start) {
    Panel panel;
    panel.index = b.divide(start, tile.width());
    panel.row = b.add(row, start);
    panel.count = b.min(b.index(tile.width()), b.sub(count, start));
    panel.first = b.add(firstPosition, panel.row);
    panel.last = b.sub(b.add(panel.first, panel.count), b.index(1));
    if (op.hasMask() || op.hasScore() || op.hasSink() || op.hasBucket()) {
      auto type = VectorType::get({tile.lanes}, b.getIndexType());
      Value last = b.splat(type, panel.last);
      panel.positions = eachVector([&](int64_t v) -> Value {
        Value position = b.splat(type, b.add(panel.first, b.index(v * tile.lanes)));
        position = arith::AddIOp::create(b, position, emitSteps(b, type));
        return arith::MinSIOp::create(b, position, last);
      });
    }
    if (op.getSeed())
      panel.counters = emitCounters(panel);
    body(panel);
  });
}

Value AttentionKernel::firstSegment(const MaskBounds &bounds) {
  return b.roundDown(bounds.anyLo, tile.keysPerSegment);
}

AttentionKernel::KeySpan AttentionKernel::keysOfTotal(const MaskBounds &bounds) {
  if (!tile.keysPerSegment)
    return {bounds.anyLo, bounds.anyHi};
  Value begin = firstSegment(bounds);
  return {begin, op.hasSink() ? begin : b.add(begin, b.index(tile.keysPerSegment))};
}

void AttentionKernel::forEachSegment(Value row, Value count, const MaskBounds &bounds,
                                     function_ref<void(Value lo, Value hi)> body) {
  if (!tile.keysPerSegment)
    return body(bounds.anyLo, bounds.anyHi);
  Value start = firstSegment(bounds);
  b.loop(start, bounds.anyHi, tile.keysPerSegment, [&](Value begin) {
    // The first needs no merging, unless the total holds a sink.
    Value isTotal = arith::ConstantIntOp::create(b, 0, /*width=*/1);
    if (!op.hasSink())
      isTotal = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, begin, start);
    useState(b.createOrFold<arith::SelectOp>(isTotal, b.index(total), b.index(part)));
    b.branch(
        isTotal, [] {},
        [&] {
          forEachPanel(row, count, [&](const Panel &panel) {
            clearState(panel, {begin, b.add(begin, b.index(tile.keysPerSegment))});
          });
        });
    body(b.createOrFold<arith::MaxSIOp>(begin, bounds.anyLo),
         b.min(b.add(begin, b.index(tile.keysPerSegment)), bounds.anyHi));
    b.branch(
        isTotal, [] {},
        [&] { forEachPanel(row, count, [&](const Panel &panel) { mergeStates(panel); }); });
  });
  useState(b.index(total));
}

void AttentionKernel::forEachKeyBlock(const MaskBounds &bounds, Value lo, Value hi,
                                      function_ref<void(KeyBlock)> body) {
  b.loop(b.roundDown(lo, tile.keysPerBlock), hi, tile.keysPerBlock, [&](Value begin) {
    KeyBlock block;
    block.begin = begin;
    block.end = b.min(b.add(begin, b.index(tile.keysPerBlock)), keys);
    block.visible = clip(bounds, block);
    body(block);
  });
}

EmittedBlock AttentionKernel::rectangle(Value first, Value last, const KeyBlock &block) {
  Value lastKey = b.sub(block.end, b.index(1));
  return {head.batch, head.head, first, last, block.begin, lastKey};
}

void AttentionKernel::whereVisible(const Panel &panel, const KeyBlock &block,
                                   function_ref<void(const MaskBounds &)> body,
                                   function_ref<void()> otherwise) {
  MaskBounds visible = clip(boundsOf(panel.first, panel.last), block);
  if (!mask)
    return body(visible);
  if (!hasGaps()) {
    Value seesSome =
        b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::slt, visible.anyLo, visible.anyHi);
    b.branch(
        seesSome, [&] { body(visible); }, otherwise);
    return;
  }
  EmittedBlock rows = rectangle(panel.first, panel.last, block);
  auto attend = [&] {
    Value isFull = mask->emitEvery(b, rows);
    visible.allLo = b.createOrFold<arith::SelectOp>(isFull, visible.anyLo, visible.allLo);
    visible.allHi = b.createOrFold<arith::SelectOp>(isFull, visible.anyHi, visible.allHi);
    body(visible);
  };
  b.branch(orSeesAll(mask->emitSome(b, rows)), attend, otherwise);
}

MaskBounds AttentionKernel::boundsOf(Value first, Value last) {
  if (!mask)
    return unmaskedBounds(b, keys);
  MaskBounds bounds = mask->emit(b, head.batch, head.head, first, last, keys);
  if (!seesAll)
    return bounds;
  auto unlessAll = [&](Value bound, Value all) {
    return b.createOrFold<arith::SelectOp>(seesAll, all, bound);
  };
  return {unlessAll(bounds.anyLo, b.index(0)), unlessAll(bounds.allLo, b.index(0)),
          unlessAll(bounds.allHi, b.index(0)), unlessAll(bounds.anyHi, keys)};
}

MaskBounds AttentionKernel::clip(const MaskBounds &bounds, const KeyBlock &block) {
  auto toBlock = [&](Value position) {
    if (isConstantIntValue(position, 0)) // no block begins before it
      return b.index(0);
    Value atLeastBegin = b.createOrFold<arith::MaxSIOp>(position, block.begin);
    return b.sub(b.min(atLeastBegin, block.end), block.begin);
  };
  if (!mask) {
    Value none = b.index(0), all = b.sub(block.end, block.begin);
    return {none, none, all, all};
  }
  return {toBlock(bounds.anyLo), toBlock(bounds.allLo), toBlock(bounds.allHi),
          toBlock(bounds.anyHi)};
}
