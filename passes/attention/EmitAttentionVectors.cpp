// A number for each query of a panel, in vectors: making, loading, storing and computing them.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/attention/EmitAttentionKernel.h"
#include "passes/attention/SoftmaxMath.h"
#include "passes/vector/RegionVectorizer.h"

using namespace mlir;
using namespace fovea;

AttentionKernel::Vectors AttentionKernel::eachVector(function_ref<Value(int64_t)> make) {
  return llvm::map_to_vector(llvm::seq<int64_t>(tile.vectors), make);
}

AttentionKernel::Vectors AttentionKernel::flat(double value, int64_t count) {
  return Vectors(count, b.constant(vectorType, value));
}

AttentionKernel::Vectors AttentionKernel::constants(double value) {
  return flat(value, tile.vectors);
}

AttentionKernel::Vectors AttentionKernel::load(Value memref, ValueRange leading) {
  return load(memref, leading, {{}, 0, tile.vectors});
}

AttentionKernel::Vectors AttentionKernel::load(Value memref, ValueRange leading,
                                               const VectorSpan &span) {
  return llvm::map_to_vector(llvm::seq(span.count), [&](int64_t v) -> Value {
    SmallVector<Value> at(leading);
    at.push_back(b.index((span.first + v) * tile.lanes));
    return vector::LoadOp::create(b, vectorType, memref, at);
  });
}

void AttentionKernel::store(ArrayRef<Value> vectors, Value memref, ValueRange leading,
                            int64_t first) {
  for (auto [v, vector] : llvm::enumerate(vectors)) {
    SmallVector<Value> at(leading);
    at.push_back(b.index((first + v) * tile.lanes));
    vector::StoreOp::create(b, vector, memref, at);
  }
}

void AttentionKernel::scaleRows(const Panel &panel, Value memref, Value count,
                                const Vectors &factor) {
  b.loop(b.index(0), count, 1, [&](Value row) {
    Value at[] = {panel.index, row};
    Vectors rows = load(memref, at);
    rows = eachVector([&](int64_t v) { return emitRescaled(b, op, rows[v], factor[v]); });
    store(rows, memref, at);
  });
}

Value AttentionKernel::compare(arith::CmpFPredicate predicate, Value lhs, Value rhs) {
  return arith::CmpFOp::create(b, predicate, lhs, rhs);
}

Value AttentionKernel::multiplyAdd(Value x, Value y, Value z) {
  return emitMultiplyAdd(b, tile.fusedMultiplyAdd, x, y, z);
}

Value AttentionKernel::select(Value condition, Value yes, Value no) {
  return arith::SelectOp::create(b, condition, yes, no);
}

AttentionKernel::LaneRegions AttentionKernel::forQueries(Region &region, const Panel &panel) {
  auto regions = std::make_shared<std::vector<LaneRegion>>();
  for (Value positions : panel.positions) {
    Vectors known = {head.batch, head.head, positions, Value()};
    if (!region.getArgument(0).getType().isIndex()) // the score
      known.insert(known.begin(), Value());
    regions->emplace_back(b, region, known, tile.lanes);
    for (const TensorRead &read : readsOf(region))
      regions->back().takeResultOf(read.load);
    if (&region == &op.getScore())
      for (DistanceTables::Table table : distanceTables)
        regions->back().takeResultOf(table.load);
  }
  return regions;
}
