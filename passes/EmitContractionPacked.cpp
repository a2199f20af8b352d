// The register-tiled product of packed panels (Goto and van de Geijn, Anatomy of
// High-Performance Matrix Multiplication, ACM TOMS 34, 2008).
//
// A tile of mr x nr results stays in registers while it walks k: per step nr/lanes loads of b,
// mr broadcasts of a. b is packed in panels [kc][nr] that stay in L1, a in panels [kc][mr] that
// stay in L2; packing is where strides and narrow types end. Rows past an edge repeat the last
// one, which is read but never stored. An element's sum runs over k in order, one partial sum
// for each kc, whatever the tile.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/EmitContraction.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace fovea;

namespace {
class PackedEmitter {
public:
  PackedEmitter(ContractionEmitter &emitter);
  void emit();

private:
  void emitBlock(Value m0, Value n0);
  void emitDepth(Value m0, Value n0, Value k0);
  void packRows(Value m0, Value k0, Value depth);
  void packColumns(Value n0, Value end, Value k0, Value depth);

  Panel rowPanel(Value m0, Value m, Value k0, Value depth);
  Panel columnPanel(Value n0, Value n);
  SmallVector<Value> multiply(const Panel &rows, const Panel &columns, Value depth);
  SmallVector<Value> multiplyStep(const Panel &rows, const Panel &columns, Value k,
                                  ValueRange accumulators);
  void prefetchNext(const Panel &rows, Value k, Value depth);
  void update(Value m, Value n, Value m0, Value n0, ArrayRef<Value> tile);
  void updateEdge(Value m, Value n, Value m0, Value n0, ArrayRef<Value> tile);
  void addTo(Value m, Value n, Value m0, Value n0, Value addend);
  void clearNarrow();
  void flushNarrow(Value m0, Value n0);

  ContractionEmitter &e;
  EmitBuilder &b;
  ContractionTile s;
  int64_t stepRows;       // of the outermost loop
  Value aPanels, bPanels; // of a block; aPanels only where a is not packed already
  Value edge;
  Value wide;       // results before rounding, [stepRows][taskColumns]
  Value mEnd, nEnd; // of the block being emitted
};
} // namespace

/// Steps of k in one iteration of the inner loop.
static constexpr int64_t unroll = 4;
static constexpr int64_t cacheLine = 64; // bytes

PackedEmitter::PackedEmitter(ContractionEmitter &emitter) : e(emitter), b(emitter.b) {
  Type element = e.c.accumulator;
  s = chooseContractionTile(e.target, e.c.accumulator.getIntOrFloatBitWidth());
  stepRows = e.packed ? s.taskRows : s.blockRows;
  auto scratch = [&](ArrayRef<int64_t> shape) {
    return allocateScratch(b, e.c.op, shape, element);
  };
  if (!e.packed)
    aPanels = scratch({s.blockRows * s.depth});
  bPanels = scratch({s.taskColumns * s.depth});
  edge = scratch({s.rows, s.columns});
  if (e.c.isNarrowResult())
    wide = scratch({stepRows, s.taskColumns});
}

void PackedEmitter::emit() {
  Value zero = b.index(0);
  b.loop(zero, e.sizeM(), stepRows, [&](Value m0) {
    if (!wide)
      return emitBlock(m0, zero);
    b.loop(zero, e.sizeN(), s.taskColumns, [&](Value n0) { emitBlock(m0, n0); });
  });
}

void PackedEmitter::emitBlock(Value m0, Value n0) {
  mEnd = b.min(b.add(m0, b.index(stepRows)), e.sizeM());
  nEnd = wide ? b.min(b.add(n0, b.index(s.taskColumns)), e.sizeN()) : e.sizeN();
  if (wide)
    clearNarrow();
  b.loop(b.index(0), e.sizeK(), s.depth, [&](Value k0) { emitDepth(m0, n0, k0); });
  if (wide)
    flushNarrow(m0, n0);
}

void PackedEmitter::emitDepth(Value m0, Value n0, Value k0) {
  Value depth = b.min(b.sub(e.sizeK(), k0), b.index(s.depth));
  if (!e.packed)
    packRows(m0, k0, depth);
  b.loop(n0, nEnd, s.taskColumns, [&](Value n1) {
    Value columnsEnd = b.min(b.add(n1, b.index(s.taskColumns)), nEnd);
    packColumns(n1, columnsEnd, k0, depth);
    b.loop(m0, mEnd, s.blockRows, [&](Value m1) {
      Value rowsEnd = b.min(b.add(m1, b.index(s.blockRows)), mEnd);
      b.loop(n1, columnsEnd, s.columns, [&](Value n) {
        b.loop(m1, rowsEnd, s.rows, [&](Value m) {
          SmallVector<Value> tile = multiply(rowPanel(m0, m, k0, depth), columnPanel(n1, n), depth);
          update(m, n, m0, n0, tile);
        });
      });
    });
  });
}

//===------------------------------------------------------------------------------------------===//
// Panels
//===------------------------------------------------------------------------------------------===//

Panel PackedEmitter::rowPanel(Value m0, Value m, Value k0, Value depth) {
  if (e.packed)
    return e.packedPanel(m, k0, depth);
  return {aPanels, {}, b.mul(b.sub(m, m0), b.index(s.depth)), s.rows};
}

Panel PackedEmitter::columnPanel(Value n0, Value n) {
  return {bPanels, {}, b.mul(b.sub(n, n0), b.index(s.depth)), s.columns};
}

void PackedEmitter::packRows(Value m0, Value k0, Value depth) {
  FactorView rows = e.view(e.c.a);
  PanelPacker packer(b, s, rows);
  b.loop(m0, mEnd, s.rows,
         [&](Value m) { packer.pack(m, e.sizeM(), k0, depth, rowPanel(m0, m, k0, depth)); });
}

void PackedEmitter::packColumns(Value n0, Value end, Value k0, Value depth) {
  FactorView columns = e.view(e.c.b);
  PanelPacker packer(b, s, columns);
  auto packEach = [&] {
    b.loop(n0, end, s.columns,
           [&](Value n) { packer.pack(n, e.sizeN(), k0, depth, columnPanel(n0, n)); });
  };
  if (!columns.contiguousAlongRow)
    return packEach();
  SmallVector<Panel> panels;
  for (int64_t n = 0; n < s.taskColumns; n += s.columns)
    panels.push_back(columnPanel(n0, b.add(n0, b.index(n))));
  Value whole = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, b.sub(end, n0),
                                              b.index(s.taskColumns));
  b.branch(whole, [&] { packer.packStrip(n0, k0, depth, panels); }, packEach);
}

//===------------------------------------------------------------------------------------------===//
// The inner loop
//===------------------------------------------------------------------------------------------===//

SmallVector<Value> PackedEmitter::multiplyStep(const Panel &rows, const Panel &columns, Value k,
                                               ValueRange accumulators) {
  VectorType type = e.vector(s.lanes);
  Value low = vector::LoadOp::create(b, type, columns.memref, columns.at(b, k, 0));
  Value high = vector::LoadOp::create(b, type, columns.memref, columns.at(b, k, s.lanes));
  SmallVector<Value> next;
  for (int64_t r = 0; r < s.rows; ++r) {
    Value scalar = memref::LoadOp::create(b, rows.memref, rows.at(b, k, r));
    Value factor = vector::BroadcastOp::create(b, type, scalar);
    next.push_back(e.multiplyAdd(factor, low, accumulators[2 * r]));
    next.push_back(e.multiplyAdd(factor, high, accumulators[2 * r + 1]));
  }
  return next;
}

/// Fetches the panel of the next rows, which lies behind this one: a may come from far away.
void PackedEmitter::prefetchNext(const Panel &rows, Value k, Value depth) {
  int64_t line = cacheLine * 8 / e.c.accumulator.getIntOrFloatBitWidth();
  for (int64_t i = 0; i < unroll * s.rows; i += line) {
    SmallVector<Value> at = rows.at(b, b.add(k, depth), i);
    memref::PrefetchOp::create(b, rows.memref, at, /*isWrite=*/false, /*localityHint=*/3,
                               /*isDataCache=*/true);
  }
}

SmallVector<Value> PackedEmitter::multiply(const Panel &rows, const Panel &columns, Value depth) {
  SmallVector<Value> tile(2 * s.rows, b.constant(e.vector(s.lanes), 0));
  Value whole = b.roundDown(depth, unroll);
  tile = b.loop(b.index(0), whole, unroll, tile, [&](Value k, ValueRange carried) {
    SmallVector<Value> values(carried);
    prefetchNext(rows, k, depth);
    for (int64_t i = 0; i < unroll; ++i)
      values = multiplyStep(rows, columns, b.add(k, b.index(i)), values);
    return values;
  });
  return b.loop(whole, depth, 1, tile, [&](Value k, ValueRange carried) {
    return multiplyStep(rows, columns, k, carried);
  });
}

//===------------------------------------------------------------------------------------------===//
// Results
//===------------------------------------------------------------------------------------------===//

void PackedEmitter::addTo(Value m, Value n, Value m0, Value n0, Value addend) {
  if (!wide)
    return e.accumulate(m, n, addend);
  SmallVector<Value> at = {b.sub(m, m0), b.sub(n, n0)};
  if (!isa<VectorType>(addend.getType())) {
    Value old = memref::LoadOp::create(b, wide, at);
    memref::StoreOp::create(b, arith::AddFOp::create(b, old, addend), wide, at);
    return;
  }
  Value old = vector::LoadOp::create(b, cast<VectorType>(addend.getType()), wide, at);
  vector::StoreOp::create(b, arith::AddFOp::create(b, old, addend), wide, at);
}

void PackedEmitter::update(Value m, Value n, Value m0, Value n0, ArrayRef<Value> tile) {
  if (!e.c.contiguousResult && !wide)
    return updateEdge(m, n, m0, n0, tile);
  auto fits = [&](Value first, int64_t count, Value end) {
    return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, b.add(first, b.index(count)),
                                         end);
  };
  Value whole = b.createOrFold<arith::AndIOp>(fits(m, s.rows, mEnd), fits(n, s.columns, nEnd));
  auto addVectors = [&] {
    for (int64_t i = 0; i < 2 * s.rows; ++i)
      addTo(b.add(m, b.index(i / 2)), b.add(n, b.index(i % 2 * s.lanes)), m0, n0, tile[i]);
  };
  b.branch(whole, addVectors, [&] { updateEdge(m, n, m0, n0, tile); });
}

void PackedEmitter::updateEdge(Value m, Value n, Value m0, Value n0, ArrayRef<Value> tile) {
  for (int64_t i = 0; i < 2 * s.rows; ++i)
    vector::StoreOp::create(b, tile[i], edge, ValueRange{b.index(i / 2), b.index(i % 2 * s.lanes)});
  Value rows = b.min(b.sub(mEnd, m), b.index(s.rows));
  Value columns = b.min(b.sub(nEnd, n), b.index(s.columns));
  b.loop(b.index(0), rows, 1, [&](Value i) {
    b.loop(b.index(0), columns, 1, [&](Value j) {
      Value sum = memref::LoadOp::create(b, edge, ValueRange{i, j});
      addTo(b.add(m, i), b.add(n, j), m0, n0, sum);
    });
  });
}

void PackedEmitter::clearNarrow() {
  Value zero = b.constant(e.vector(s.lanes), 0);
  b.loop(b.index(0), b.index(stepRows), 1, [&](Value m) {
    b.loop(b.index(0), b.index(s.taskColumns), s.lanes,
           [&](Value n) { vector::StoreOp::create(b, zero, wide, ValueRange{m, n}); });
  });
}

void PackedEmitter::flushNarrow(Value m0, Value n0) {
  Value whole =
      b.add(n0, e.c.contiguousResult ? b.roundDown(b.sub(nEnd, n0), s.lanes) : b.index(0));
  b.loop(m0, mEnd, 1, [&](Value m) {
    Value row = b.sub(m, m0);
    b.loop(n0, whole, s.lanes, [&](Value n) {
      e.accumulate(
          m, n, vector::LoadOp::create(b, e.vector(s.lanes), wide, ValueRange{row, b.sub(n, n0)}));
    });
    b.loop(whole, nEnd, 1, [&](Value n) {
      e.accumulate(m, n, memref::LoadOp::create(b, wide, ValueRange{row, b.sub(n, n0)}));
    });
  });
}

void ContractionEmitter::emitPacked() { PackedEmitter(*this).emit(); }
