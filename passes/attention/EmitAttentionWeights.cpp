// What needs the final weights: their sums over queries, and the weights themselves beside these
// (alone they take EmitAttentionKept.cpp). Scores are computed a second time, when maximum and sum
// of their rows are known.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/attention/EmitAttentionKernel.h"
#include "passes/attention/SoftmaxMath.h"
#include "passes/vector/LaneLoads.h"

using namespace mlir;
using namespace fovea;

void AttentionKernel::emitWeights(Value row, Value count, const MaskBounds &bounds, Value chunk) {
  if (keepsProbabilities())
    return emitKeptWeights(row, count);
  if (head.weights)
    forEachPanel(row, count, [&](const Panel &panel) {
      MaskBounds visible = boundsOf(panel.first, panel.last);
      clearWeights(panel, b.index(0), visible.anyLo);
      clearWeights(panel, visible.anyHi, keys);
    });
  forEachKeyBlock(bounds, bounds.anyLo, bounds.anyHi, [&](const KeyBlock &block) {
    fetchKeys(block);
    if (head.columnSums)
      b.loop(b.index(0), b.index(tile.keysPerBlock), 1, [&](Value key) {
        vector::StoreOp::create(b, b.constant(vectorType, 0.0), columnScratch,
                                ValueRange{key, b.index(0)});
      });
    forEachPanel(row, count, [&](const Panel &panel) {
      auto weigh = [&](const MaskBounds &visible) {
        emitScores(panel, block, visible);
        finishScores(panel, block, visible, constants(-softmax::infinity));
        normalize(panel, block, visible);
        if (head.weights)
          storeTransposed(scores, {}, visible.anyLo, visible.anyHi, head.weights, panel,
                          block.begin);
        if (head.columnSums)
          addToColumns(panel, visible);
      };
      auto skip = [&] {
        if (head.weights)
          clearWeights(panel, block.begin, block.end);
      };
      whereVisible(panel, block, weigh, skip);
    });
    if (head.columnSums)
      storeColumns(block, chunk);
  });
}

/// From finished scores to weights, after dropout.
void AttentionKernel::normalize(const Panel &panel, const KeyBlock &block,
                                const MaskBounds &visible) {
  Vectors maximum = finiteMaximum(load(maxima, {panel.index}));
  Vectors reciprocal = load(sums, {panel.index});
  b.loop(visible.anyLo, visible.anyHi, 1, [&](Value key) {
    Vectors score = load(scores, {key});
    Vectors p = multiply(probabilities(score, maximum), reciprocal);
    // Where NaN made the sum NaN, what is masked still weighs nothing.
    p = eachVector([&](int64_t v) -> Value {
      Value masked =
          compare(arith::CmpFPredicate::OEQ, score[v], b.constant(vectorType, maskedScore));
      if (op.getFill())
        masked = arith::AndIOp::create(b, masked, compare(arith::CmpFPredicate::UNO, p[v], p[v]));
      return select(masked, b.constant(vectorType, 0.0), p[v]);
    });
    if (op.getSeed())
      p = eachVector(
          [&](int64_t v) { return drop(p[v], panel.counters[v], b.add(block.begin, key)); });
    store(p, scores, {key});
  });
}

void AttentionKernel::clearWeights(const Panel &panel, Value lo, Value hi) {
  b.loop(b.index(0), panel.count, 1,
         [&](Value lane) { clearWeightsOfRow(b.add(panel.row, lane), lo, hi); });
}

//===----------------------------------------------------------------------===//
// Sums over queries
//===----------------------------------------------------------------------===//

void AttentionKernel::clearColumnSums(Value chunk) {
  b.loop(b.index(0), keys, 1, [&](Value key) {
    memref::StoreOp::create(b, b.constant(scoreType, 0.0), head.columnSums, ValueRange{chunk, key});
  });
}

/// columnScratch[key][lane] += the panel's weights, without the lanes past its last row.
void AttentionKernel::addToColumns(const Panel &panel, const MaskBounds &visible) {
  auto indices = VectorType::get({tile.lanes}, b.getIndexType());
  Value steps = emitSteps(b, indices), count = b.splat(indices, panel.count);
  Vectors inside = eachVector([&](int64_t v) -> Value {
    Value lane = arith::AddIOp::create(b, steps, b.splat(indices, b.index(v * tile.lanes)));
    return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lane, count);
  });
  b.loop(visible.anyLo, visible.anyHi, 1, [&](Value key) {
    Value at[] = {key, b.index(0)};
    Value sum = vector::LoadOp::create(b, vectorType, columnScratch, at);
    for (auto [weight, isRow] : llvm::zip_equal(load(scores, {key}), inside))
      sum = arith::AddFOp::create(b, sum, select(isRow, weight, b.constant(vectorType, 0.0)));
    vector::StoreOp::create(b, sum, columnScratch, at);
  });
}

/// Adds a block's sums to those of the chunk.
void AttentionKernel::storeColumns(const KeyBlock &block, Value chunk) {
  b.loop(block.visible.anyLo, block.visible.anyHi, 1, [&](Value key) {
    Value lanes = vector::LoadOp::create(b, vectorType, columnScratch, ValueRange{key, b.index(0)});
    lanes = b.reduceLanes(
        lanes, [&](Value x, Value y) -> Value { return arith::AddFOp::create(b, x, y); });
    Value at[] = {chunk, b.add(block.begin, key)};
    Value known = memref::LoadOp::create(b, head.columnSums, at);
    Value sum = arith::AddFOp::create(b, known, vector::ExtractOp::create(b, lanes, 0).getResult());
    memref::StoreOp::create(b, sum, head.columnSums, at);
  });
}
