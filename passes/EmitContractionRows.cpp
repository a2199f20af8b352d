// Products of a few rows with a large matrix, as in decoding: bound by the memory that b comes
// from, so b is read once, in the order in which it lies.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/EmitContraction.h"

using namespace mlir;
using namespace fovea;

/// Dot products keep pace with memory up to about this many rows; packing b costs as much as 16
/// rows of products.
static constexpr int64_t maxDotRows = 16;
/// The other kind loads and stores its sums at every step.
static constexpr int64_t maxAxpyRows = 3;

int64_t Contraction::maxStreamedRows() const {
  if (hasDots())
    return maxDotRows;
  // The sums live in c itself, which must then be wide enough for them.
  return b.contiguousAlongRow && contiguousResult && !isNarrowResult() ? maxAxpyRows : 0;
}

/// Vectors along k in one iteration: of f32 on AVX2 one cache line.
static constexpr int64_t unroll = 2;

namespace {
/// Dot products of `rows` rows of a with several rows of b, lanes along k. Each has as many vectors
/// of partial sums as hide the latency of an addition.
struct DotTile {
  ContractionEmitter &e;
  EmitBuilder &b;
  int64_t rows, columns, partialSums;
  Value m, n;

  Value row(int64_t i) { return b.add(m, b.index(i)); }
  void prefetchNext(Value k);
  SmallVector<Value> step(Value k, int64_t vectors, ValueRange sums);
  SmallVector<Value> tail(Value begin, SmallVector<Value> totals);
  void emit();
};
} // namespace

/// `sums` holds, for each of the partial sums in turn, one value for each column and row.
SmallVector<Value> DotTile::step(Value k, int64_t vectors, ValueRange sums) {
  SmallVector<Value> next(sums);
  for (int64_t v = 0; v < vectors; ++v) {
    Value at = b.add(k, b.index(v * e.lanes()));
    auto loadRow = [&](int64_t i) { return e.loadVector(e.c.a, row(i), at, e.lanes()); };
    auto loadColumn = [&](int64_t j) {
      return e.loadVector(e.c.b, b.add(n, b.index(j)), at, e.lanes());
    };
    auto multiply = [&](int64_t i, int64_t j, Value x, Value y) {
      Value &sum = next[(v % partialSums * columns + j) * rows + i];
      sum = e.multiplyAdd(x, y, sum);
    };
    // The fewer operands stay in registers, of the others one at a time.
    bool holdsColumns = columns < rows;
    int64_t held = holdsColumns ? columns : rows, streamed = holdsColumns ? rows : columns;
    SmallVector<Value> operands = llvm::map_to_vector(
        llvm::seq(held), [&](int64_t i) { return holdsColumns ? loadColumn(i) : loadRow(i); });
    for (int64_t s = 0; s < streamed; ++s) {
      Value other = holdsColumns ? loadRow(s) : loadColumn(s);
      for (int64_t h = 0; h < held; ++h)
        multiply(holdsColumns ? s : h, holdsColumns ? h : s, operands[h], other);
    }
  }
  return next;
}

SmallVector<Value> DotTile::tail(Value begin, SmallVector<Value> totals) {
  return b.loop(begin, e.sizeK(), 1, totals, [&](Value k, ValueRange carried) {
    SmallVector<Value> next;
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t i = 0; i < rows; ++i) {
        Value product = arith::MulFOp::create(b, e.loadScalar(e.c.a, row(i), k),
                                              e.loadScalar(e.c.b, b.add(n, b.index(j)), k));
        next.push_back(arith::AddFOp::create(b, carried[next.size()], product));
      }
    return next;
  });
}

/// Fetches the columns after these, of which the hardware's prefetchers know nothing.
void DotTile::prefetchNext(Value k) {
  for (int64_t j = 0; j < columns; ++j)
    e.view(e.c.b).prefetch(b, b.add(n, b.index(columns + j)), k);
}

void DotTile::emit() {
  int64_t lanes = e.lanes(), count = rows * columns;
  Value blocks = b.roundDown(e.sizeK(), unroll * lanes);
  Value whole = b.roundDown(e.sizeK(), lanes);
  SmallVector<Value> sums(count * partialSums, b.constant(e.vector(lanes), 0));
  sums = b.loop(b.index(0), blocks, unroll * lanes, sums, [&](Value k, ValueRange carried) {
    prefetchNext(k);
    return step(k, unroll, carried);
  });
  for (; sums.size() > static_cast<size_t>(count); sums.pop_back()) {
    Value &first = sums[sums.size() - 1 - count];
    first = arith::AddFOp::create(b, first, sums.back());
  }
  sums = b.loop(blocks, whole, lanes, sums,
                [&](Value k, ValueRange carried) { return step(k, 1, carried); });
  for (Value &sum : sums) {
    Value total =
        b.reduceLanes(sum, [&](Value l, Value r) { return arith::AddFOp::create(b, l, r); });
    sum = vector::ExtractOp::create(b, total, 0);
  }
  sums = tail(whole, sums);
  for (int64_t i = 0; i < count; ++i)
    e.accumulate(row(i % rows), b.add(n, b.index(i / rows)), sums[i]);
}

void ContractionEmitter::emitDotRows(Value m, int64_t rows) {
  // 4, 4 and 6 dot products at a time; with two vectors each and their operands, at most
  // 12 + 3 + 1 registers.
  int64_t columns = rows == 1 ? 4 : 2, partialSums = 2;
  auto emitColumns = [&](Value begin, Value end, int64_t count) {
    b.loop(begin, end, count,
           [&](Value n) { DotTile{*this, b, rows, count, partialSums, m, n}.emit(); });
  };
  Value whole = b.roundDown(sizeN(), columns);
  emitColumns(b.index(0), whole, columns);
  emitColumns(whole, sizeN(), 1);
}

/// Four rows with three columns: 12 dot products and 4 operands are 16 registers. The rows of b
/// stay in the first-level cache for the next four rows.
static constexpr int64_t groupRows = 4, groupColumns = 3;

void ContractionEmitter::emitDotGroups(Value end) {
  auto emitColumns = [&](Value n, int64_t columns) {
    b.loop(b.index(0), end, groupRows,
           [&](Value m) { DotTile{*this, b, groupRows, columns, /*partialSums=*/1, m, n}.emit(); });
  };
  Value whole = b.roundDown(sizeN(), groupColumns);
  b.loop(b.index(0), whole, groupColumns, [&](Value n) { emitColumns(n, groupColumns); });
  b.loop(whole, sizeN(), 1, [&](Value n) { emitColumns(n, 1); });
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

void ContractionEmitter::emitRows() {
  auto exactly = [&](Value rows, int64_t count) {
    return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, rows, b.index(count));
  };
  // `emit` for the number of rows that is there, from `count` on.
  auto choose = [&](auto &&self, Value rows, int64_t count, int64_t most,
                    function_ref<void(int64_t)> emit) -> void {
    if (count == most)
      return emit(count);
    b.branch(
        exactly(rows, count), [&] { emit(count); },
        [&] { self(self, rows, count + 1, most, emit); });
  };
  if (!c.hasDots())
    return choose(choose, sizeM(), 1, maxAxpyRows, [&](int64_t rows) { emitAxpyRows(rows); });
  Value grouped = b.roundDown(sizeM(), groupRows);
  emitDotGroups(grouped);
  choose(choose, b.sub(sizeM(), grouped), 0, groupRows - 1, [&](int64_t rows) {
    if (rows > 0)
      emitDotRows(grouped, rows);
  });
}
