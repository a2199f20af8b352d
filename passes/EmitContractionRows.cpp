// Products of a few rows with a large matrix, as in decoding: bound by the memory that b comes
// from, so b is read once, in the order in which it lies.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/EmitContraction.h"

using namespace mlir;
using namespace fovea;

bool ContractionEmitter::canEmitRows() const {
  bool dots = c.a.contiguousAlongK && c.b.contiguousAlongK;
  // The sums of the second kind live in c itself, which must then be wide enough for them.
  bool axpys = c.b.contiguousAlongRow && c.contiguousResult && !c.isNarrowResult();
  return dots || axpys;
}

void ContractionEmitter::emitRows(int64_t rows) {
  if (c.a.contiguousAlongK && c.b.contiguousAlongK)
    return emitDotRows(rows);
  emitAxpyRows(rows);
}

namespace {
/// Dot products of `rows` rows of a with several rows of b, lanes along k. Each has two
/// vectors of partial sums, so that its order depends on neither number of rows.
struct DotTile {
  ContractionEmitter &e;
  EmitBuilder &b;
  int64_t rows, columns;
  Value n;

  SmallVector<Value> step(Value k, int64_t vectors, ValueRange sums);
  SmallVector<Value> tail(Value begin, SmallVector<Value> totals);
  void emit();
};
} // namespace

static constexpr int64_t partialSums = 2;

/// `sums` holds, for each vector along k, one value for each row and column.
SmallVector<Value> DotTile::step(Value k, int64_t vectors, ValueRange sums) {
  SmallVector<Value> next;
  for (int64_t v = 0; v < vectors; ++v) {
    Value at = b.add(k, b.index(v * e.lanes()));
    SmallVector<Value> a;
    for (int64_t m = 0; m < rows; ++m)
      a.push_back(e.loadVector(e.c.a, b.index(m), at, e.lanes()));
    for (int64_t j = 0; j < columns; ++j) {
      Value weights = e.loadVector(e.c.b, b.add(n, b.index(j)), at, e.lanes());
      for (int64_t m = 0; m < rows; ++m)
        next.push_back(e.multiplyAdd(a[m], weights, sums[next.size()]));
    }
  }
  return next;
}

SmallVector<Value> DotTile::tail(Value begin, SmallVector<Value> totals) {
  return b.loop(begin, e.sizeK(), 1, totals, [&](Value k, ValueRange carried) {
    SmallVector<Value> next;
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t m = 0; m < rows; ++m) {
        Value product = arith::MulFOp::create(b, e.loadScalar(e.c.a, b.index(m), k),
                                              e.loadScalar(e.c.b, b.add(n, b.index(j)), k));
        next.push_back(arith::AddFOp::create(b, carried[next.size()], product));
      }
    return next;
  });
}

void DotTile::emit() {
  int64_t lanes = e.lanes(), count = rows * columns;
  Value blocks = b.roundDown(e.sizeK(), partialSums * lanes);
  Value whole = b.roundDown(e.sizeK(), lanes);
  SmallVector<Value> sums(count * partialSums, b.constant(e.vector(lanes), 0));
  sums = b.loop(b.index(0), blocks, partialSums * lanes, sums,
                [&](Value k, ValueRange carried) { return step(k, partialSums, carried); });
  for (int64_t i = 0; i < count; ++i)
    sums[i] = arith::AddFOp::create(b, sums[i], sums[count + i]);
  sums.resize(count);
  sums = b.loop(blocks, whole, lanes, sums,
                [&](Value k, ValueRange carried) { return step(k, 1, carried); });
  for (Value &sum : sums) {
    Value total =
        b.reduceLanes(sum, [&](Value l, Value r) { return arith::AddFOp::create(b, l, r); });
    sum = vector::ExtractOp::create(b, total, 0);
  }
  sums = tail(whole, sums);
  for (int64_t i = 0; i < count; ++i)
    e.accumulate(b.index(i % rows), b.add(n, b.index(i / rows)), sums[i]);
}

void ContractionEmitter::emitDotRows(int64_t rows) {
  // 4, 4 and 6 dot products at a time; with two vectors each and their operands, at most
  // 12 + 3 + 1 registers.
  int64_t columns = rows == 1 ? 4 : 2;
  Value whole = b.roundDown(sizeN(), columns);
  b.loop(b.index(0), whole, columns, [&](Value n) { DotTile{*this, b, rows, columns, n}.emit(); });
  b.loop(whole, sizeN(), 1, [&](Value n) { DotTile{*this, b, rows, 1, n}.emit(); });
}

/// c[m, n ...] += a[m, k] * b[k, n ...] for `depth` consecutive k, lanes along n.
static void emitAxpy(ContractionEmitter &e, int64_t rows, Value k, int64_t depth) {
  EmitBuilder &b = e.b;
  SmallVector<Value> scalars;
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t i = 0; i < depth; ++i)
      scalars.push_back(e.loadScalar(e.c.a, b.index(m), b.add(k, b.index(i))));
  auto emitLanes = [&](Value n, int64_t lanes) {
    SmallVector<Value> weights;
    for (int64_t i = 0; i < depth; ++i)
      weights.push_back(e.loadVector(e.c.b, n, b.add(k, b.index(i)), lanes));
    for (int64_t m = 0; m < rows; ++m) {
      Value sum = e.loadResult(b.index(m), n, lanes);
      for (int64_t i = 0; i < depth; ++i)
        sum = e.multiplyAdd(vector::BroadcastOp::create(b, e.vector(lanes), scalars[m * depth + i]),
                            weights[i], sum);
      e.storeResult(b.index(m), n, sum);
    }
  };
  Value whole = b.roundDown(e.sizeN(), e.lanes());
  b.loop(b.index(0), whole, e.lanes(), [&](Value n) { emitLanes(n, e.lanes()); });
  b.loop(whole, e.sizeN(), 1, [&](Value n) { emitLanes(n, 1); });
}

void ContractionEmitter::emitAxpyRows(int64_t rows) {
  constexpr int64_t depth = 4;
  Value whole = b.roundDown(sizeK(), depth);
  b.loop(b.index(0), whole, depth, [&](Value k) { emitAxpy(*this, rows, k, depth); });
  b.loop(whole, sizeK(), 1, [&](Value k) { emitAxpy(*this, rows, k, 1); });
}
