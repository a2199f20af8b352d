// Sums of the probabilities by bucket, transposed as outputs are. The queries of a panel see a key
// in few different buckets, mostly one: each of those takes a select and an addition, and nothing
// is scattered.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/attention/EmitAttentionKernel.h"

using namespace mlir;
using namespace fovea;

/// The smallest (or largest) of all lanes, clipped to [0, last].
static Value extreme(EmitBuilder &b, ArrayRef<Value> vectors, vector::CombiningKind kind,
                     Value last) {
  auto pick = [&](Value x, Value y) -> Value {
    if (kind == vector::CombiningKind::MINSI)
      return b.createOrFold<arith::MinSIOp>(x, y);
    return b.createOrFold<arith::MaxSIOp>(x, y);
  };
  Value all = vectors.front();
  for (Value vector : vectors.drop_front())
    all = pick(all, vector);
  Value found = vector::ReductionOp::create(b, kind, all);
  return kind == vector::CombiningKind::MINSI ? b.createOrFold<arith::MaxSIOp>(found, b.index(0))
                                              : b.createOrFold<arith::MinSIOp>(found, last);
}

void AttentionKernel::emitBuckets(const Panel &panel, const KeyBlock &block,
                                  const MaskBounds &visible) {
  auto indices = VectorType::get({tile.lanes}, b.getIndexType());
  Value last = b.sub(buckets, b.index(1));
  auto regions = forQueries(op.getBucket(), panel);
  b.loop(visible.anyLo, visible.anyHi, 1, [&](Value key) {
    Vectors p = load(scores, {key});
    Value position = b.add(block.begin, key);
    Vectors bucket = eachVector([&](int64_t v) { return (*regions)[v].emit(position); });
    Value lo = extreme(b, bucket, vector::CombiningKind::MINSI, last);
    Value hi = extreme(b, bucket, vector::CombiningKind::MAXSI, last);
    b.loop(lo, b.add(hi, b.index(1)), 1, [&](Value n) {
      Value splat = b.splat(indices, n), at[] = {panel.index, n};
      Vectors sum = load(bucketScratch, at);
      sum = eachVector([&](int64_t v) -> Value {
        Value here = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, bucket[v], splat);
        return select(here, arith::AddFOp::create(b, sum[v], p[v]).getResult(), sum[v]);
      });
      store(sum, bucketScratch, at);
    });
  });
}

/// Where NaN made the sum of a row NaN, buckets of masked keys alone still weigh nothing.
void AttentionKernel::finishBuckets(const Panel &panel, const Vectors &reciprocal) {
  b.loop(b.index(0), buckets, 1, [&](Value n) {
    Value at[] = {panel.index, n};
    Vectors sum = load(bucketScratch, at), weighed = multiply(sum, reciprocal);
    store(eachVector([&](int64_t v) -> Value {
            Value zero = b.constant(vectorType, 0.0);
            Value isEmpty = compare(arith::CmpFPredicate::OEQ, sum[v], zero);
            return select(isEmpty, zero, weighed[v]);
          }),
          bucketScratch, at);
  });
  storeTransposed(bucketScratch, panel.index, b.index(0), buckets, head.bucketSums, panel,
                  b.index(0));
}
