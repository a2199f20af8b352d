// What the score function and the mask make of scores, and the maximum of these.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/attention/EmitAttentionKernel.h"
#include "passes/attention/SoftmaxMath.h"
#include "passes/mask/MaskTests.h"

using namespace mlir;
using namespace fovea;

AttentionKernel::ScoreFunction AttentionKernel::scoreOf(const Panel &panel, const KeyBlock &block,
                                                        const MaskBounds &visible) {
  if (!op.hasScore())
    return nullptr;
  LaneRegions regions = forQueries(op.getScore(), panel);
  transposeReads(op.getScore(), regions, block, visible.anyLo, visible.anyHi);
  return [this, regions, first = panel.first, &block](Value position, const Vectors &raw) {
    return eachVector([&](int64_t v) -> Value {
      Vectors given = {raw[v], position};
      llvm::append_range(given, transposedAt(op.getScore(), v, b.sub(position, block.begin)));
      llvm::append_range(given, byDistance(first, v, position));
      return emitExponent(b, op, (*regions)[v].emit(given));
    });
  };
}

AttentionKernel::KeyMask AttentionKernel::maskOf(const Panel &panel, const KeyBlock &block,
                                                 Value lo, Value hi) {
  if (!MaskTests::areCheap(mask->getPredicate(), op.getMask(), tile.keysPerBlock)) {
    LaneRegions regions = forQueries(op.getMask(), panel);
    transposeReads(op.getMask(), regions, block, lo, hi);
    return [this, regions, &block](Value key) {
      Value position = b.add(block.begin, key);
      return eachVector([&](int64_t v) {
        Vectors given = {position};
        llvm::append_range(given, transposedAt(op.getMask(), v, key));
        return (*regions)[v].emit(given);
      });
    };
  }
  auto tests =
      std::make_shared<MaskTests>(b, op.getMask(), mask->getPredicate(), head.batch, head.head,
                                  panel.positions, block.begin, block.end, tile.keysPerBlock);
  return [tests](Value key) { return tests->emit(key); };
}

AttentionKernel::Vectors AttentionKernel::hide(const Vectors &score, ArrayRef<Value> allowed) {
  Vectors hidden;
  for (auto [x, isAllowed] : llvm::zip_equal(score, allowed))
    hidden.push_back(select(isAllowed, x, b.constant(vectorType, maskedScore)));
  return hidden;
}

AttentionKernel::Vectors AttentionKernel::larger(ArrayRef<Value> known,
                                                 ArrayRef<Value> candidates) {
  Vectors result;
  for (auto [x, candidate] : llvm::zip_equal(known, candidates))
    result.push_back(emitLarger(b, x, candidate));
  return result;
}

AttentionKernel::Vectors AttentionKernel::rescore(const KeyBlock &block, Value lo, Value hi,
                                                  const ScoreFunction &function,
                                                  const KeyMask *test, Vectors maximum) {
  if (isEqualConstantIntOrValue(lo, hi))
    return maximum;
  return b.loop(lo, hi, 1, maximum, [&](Value key, ValueRange carried) {
    Vectors score = load(scores, {key});
    if (function)
      score = function(b.add(block.begin, key), score);
    if (test)
      score = hide(score, (*test)(key));
    if (test || function)
      store(score, scores, {key});
    return larger(Vectors(carried), score);
  });
}

AttentionKernel::Vectors AttentionKernel::finishScores(const Panel &panel, const KeyBlock &block,
                                                       const MaskBounds &visible, Vectors maximum) {
  if (findsMaximaEarly())
    return load(newMaxima, {});
  ScoreFunction score = scoreOf(panel, block, visible);
  std::optional<KeyMask> test;
  if (mask) { // a full block needs no test
    Value isLow =
        b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, visible.anyLo, visible.allLo);
    Value isHigh =
        b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, visible.anyHi, visible.allHi);
    Value isFull = b.createOrFold<arith::AndIOp>(isLow, isHigh);
    test = maskOf(panel, block, visible.anyLo,
                  b.createOrFold<arith::SelectOp>(isFull, visible.anyLo, visible.anyHi));
  }
  if (test)
    maximum = rescore(block, visible.anyLo, visible.allLo, score, &*test, maximum);
  maximum = rescore(block, visible.allLo, visible.allHi, score, /*test=*/nullptr, maximum);
  if (test)
    maximum = rescore(block, visible.allHi, visible.anyHi, score, &*test, maximum);
  return maximum;
}
