// The weights, if nothing else of them is asked for. While a panel's keys are at work, the
// probabilities of a block are kept as they are, relative to the maximum so far, a row a query;
// when the last maximum and the sum are known, a row is multiplied by what is missing and written
// once.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/attention/EmitAttentionKernel.h"
#include "passes/vector/VectorTranspose.h"

using namespace mlir;
using namespace fovea;

bool AttentionKernel::keepsProbabilities() { return op.getWeightsInit() && !op.getColumnChunk(); }

/// A block of a panel: [width][keysPerBlock] probabilities, and the factor of each query, which
/// until all keys are done is the maximum that the probabilities are relative to.
int64_t AttentionKernel::unscaledBlockSize() { return tile.width() * (tile.keysPerBlock + 1); }

Value AttentionKernel::unscaledSize() {
  // At most so much for all blocks, in terms that have a bound outside of parallel loops.
  Value padded = b.add(keys, b.index(tile.keysPerBlock - 1));
  int64_t perKey = llvm::divideCeil(unscaledBlockSize(), tile.keysPerBlock);
  return b.mul(padded, b.index(perKey));
}

/// Where row `lane` of the block that holds the key at `position` begins; row `width` is that of
/// the factors.
Value AttentionKernel::unscaledRow(Value position, Value lane) {
  Value block = b.divide(position, tile.keysPerBlock);
  Value begin = b.mul(block, b.index(unscaledBlockSize()));
  return b.add(begin, b.mul(lane, b.index(tile.keysPerBlock)));
}

void AttentionKernel::storeUnscaled(const Panel &panel, const KeyBlock &block,
                                    const MaskBounds &visible, const Vectors &maximum) {
  Value first = b.roundDown(visible.anyLo, tile.lanes);
  b.loop(first, visible.anyHi, tile.lanes, [&](Value key) {
    for (int64_t v = 0; v < tile.vectors; ++v) {
      Vectors square = llvm::map_to_vector(llvm::seq(tile.lanes), [&](int64_t t) -> Value {
        Value at[] = {b.add(key, b.index(t)), b.index(v * tile.lanes)};
        return vector::LoadOp::create(b, vectorType, scores, at);
      });
      for (auto [t, row] : llvm::enumerate(transposeSquare(b, square))) {
        Value place = unscaledRow(block.begin, b.index(v * tile.lanes + t));
        Value at[] = {panel.index, b.add(place, key)};
        vector::StoreOp::create(b, row, unscaled, at);
      }
    }
  });
  storeFactors(panel, block.begin, maximum);
}

void AttentionKernel::storeFactors(const Panel &panel, Value begin, const Vectors &factors) {
  Value place = unscaledRow(begin, b.index(tile.width()));
  for (auto [v, factor] : llvm::enumerate(factors)) {
    Value at[] = {panel.index, b.add(place, b.index(v * tile.lanes))};
    vector::StoreOp::create(b, factor, unscaled, at);
  }
}

/// `body(begin)` for the blocks of keys with some in [lo, hi).
void AttentionKernel::forEachBlockBegin(Value lo, Value hi, function_ref<void(Value)> body) {
  b.loop(b.roundDown(lo, tile.keysPerBlock), hi, tile.keysPerBlock, body);
}

/// From the maxima of a block's probabilities to the factors that make weights of them. Those of
/// blocks that were skipped are not used.
void AttentionKernel::finishFactors(const Panel &panel, const MaskBounds &visible) {
  Vectors maximum = finiteMaximum(load(maxima, {panel.index}));
  Vectors reciprocal = load(sums, {panel.index});
  forEachBlockBegin(visible.anyLo, visible.anyHi, [&](Value begin) {
    Value place = unscaledRow(begin, b.index(tile.width()));
    Vectors before = eachVector([&](int64_t v) -> Value {
      Value at[] = {panel.index, b.add(place, b.index(v * tile.lanes))};
      return vector::LoadOp::create(b, vectorType, unscaled, at);
    });
    storeFactors(panel, begin, multiply(probabilities(before, maximum), reciprocal));
  });
}

void AttentionKernel::writeWeights(const Panel &panel, Value lane, Value begin,
                                   const MaskBounds &visible) {
  Type element = cast<MemRefType>(head.weights.getType()).getElementType();
  Value end = b.min(b.add(begin, b.index(tile.keysPerBlock)), visible.anyHi);
  Value start = b.createOrFold<arith::MaxSIOp>(begin, visible.anyLo);
  Value place = unscaledRow(begin, lane), row = b.add(panel.row, lane);
  Value factorPlace = b.add(unscaledRow(begin, b.index(tile.width())), lane);
  Value factor = memref::LoadOp::create(b, unscaled, ValueRange{panel.index, factorPlace});
  auto scale = [&](Value key, int64_t lanes) -> Value {
    auto type = VectorType::get({lanes}, scoreType);
    Value at[] = {panel.index, b.add(place, b.sub(key, begin))};
    Value p = vector::LoadOp::create(b, type, unscaled, at);
    Value weight = arith::MulFOp::create(b, p, b.splat(type, factor));
    // Where NaN made the sum NaN, what is masked still weighs nothing.
    Value none = compare(arith::CmpFPredicate::OEQ, p, b.constant(type, 0.0));
    return b.convertFloat(select(none, b.constant(type, 0.0), weight), element);
  };
  bool dense = cast<MemRefType>(head.weights.getType()).isLastDimUnitStride();
  Value whole = dense ? b.add(start, b.roundDown(b.sub(end, start), tile.lanes)) : start;
  b.loop(start, whole, tile.lanes, [&](Value key) {
    vector::StoreOp::create(b, scale(key, tile.lanes), head.weights, ValueRange{row, key});
  });
  b.loop(whole, end, 1, [&](Value key) {
    Value weight = vector::ExtractOp::create(b, scale(key, 1), 0);
    memref::StoreOp::create(b, weight, head.weights, ValueRange{row, key});
  });
}

/// Zeros for keys [lo, hi), which the panel does not see.
void AttentionKernel::clearWeightsOfRow(Value row, Value lo, Value hi) {
  auto type = cast<MemRefType>(head.weights.getType());
  Value whole = type.isLastDimUnitStride() ? b.add(lo, b.roundDown(b.sub(hi, lo), tile.lanes)) : lo;
  Value zeros = b.constant(VectorType::get({tile.lanes}, type.getElementType()), 0.0);
  b.loop(lo, whole, tile.lanes, [&](Value key) {
    vector::StoreOp::create(b, zeros, head.weights, ValueRange{row, key});
  });
  Value zero = b.constant(type.getElementType(), 0.0);
  b.loop(whole, hi, 1, [&](Value key) {
    memref::StoreOp::create(b, zero, head.weights, ValueRange{row, key});
  });
}

void AttentionKernel::emitKeptWeights(Value row, Value count) {
  forEachPanel(row, count, [&](const Panel &panel) {
    MaskBounds visible = boundsOf(panel.first, panel.last);
    finishFactors(panel, visible);
    b.loop(b.index(0), panel.count, 1, [&](Value lane) {
      clearWeightsOfRow(b.add(panel.row, lane), b.index(0), visible.anyLo);
      forEachBlockBegin(visible.anyLo, visible.anyHi, [&](Value begin) {
        KeyBlock block;
        block.begin = begin;
        block.end = b.min(b.add(begin, b.index(tile.keysPerBlock)), keys);
        whereVisible(
            panel, block, [&](const MaskBounds &) { writeWeights(panel, lane, begin, visible); },
            [&] { clearWeightsOfRow(b.add(panel.row, lane), begin, block.end); });
      });
      clearWeightsOfRow(b.add(panel.row, lane), visible.anyHi, keys);
    });
  });
}
