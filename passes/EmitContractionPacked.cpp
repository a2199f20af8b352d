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
struct Blocking {
  int64_t lanes;
  int64_t group;  // lanes in 128 bits, within which shuffles are cheap
  int64_t mr, nr; // results in registers
  int64_t kc;     // depth of a panel: half of L1 holds a panel of b
  int64_t mc;     // rows of a that are packed at a time: half of L2
  int64_t nc;     // columns of results kept in scratch where results are narrow
};

class PackedEmitter {
public:
  PackedEmitter(ContractionEmitter &emitter);
  void emit();

private:
  void emitBlock(Value m0, Value n0);
  void emitDepth(Value m0, Value n0, Value k0);
  void emitTile(Value m0, Value n0, Value m, Value n, Value depth);

  void pack(const Factor &factor, Value first, Value limit, Value k0, Value depth, int64_t count,
            Value panel, Value offset);
  void packAlongK(const Factor &factor, ArrayRef<Value> rows, Value k0, Value begin, Value end,
                  int64_t count, Value panel, Value offset);
  void packAlongRow(const Factor &factor, Value first, Value limit, ArrayRef<Value> rows, Value k0,
                    Value depth, int64_t count, Value panel, Value offset);
  void packScalars(const Factor &factor, ArrayRef<Value> rows, Value k0, Value begin, Value end,
                   int64_t count, Value panel, Value offset);
  SmallVector<Value> loadTransposed(const Factor &factor, ArrayRef<Value> rows, Value k);

  SmallVector<Value> multiply(Value aOffset, Value depth);
  SmallVector<Value> multiplyStep(Value aOffset, Value k, ValueRange accumulators);
  void update(Value m, Value n, Value m0, Value n0, ArrayRef<Value> tile);
  void updateEdge(Value m, Value n, Value m0, Value n0, ArrayRef<Value> tile);
  void addTo(Value m, Value n, Value m0, Value n0, Value addend);
  void clearNarrow();
  void flushNarrow(Value m0, Value n0);

  ContractionEmitter &e;
  EmitBuilder &b;
  Blocking s;
  Value aPanels, bPanel, edge, wide; // wide: results before rounding, [mc][nc]
  Value mEnd, nEnd;                  // of the block being emitted
};
} // namespace

/// Columns of results kept in scratch where the result type is narrower than the accumulator.
static constexpr int64_t narrowColumns = 256;
/// Steps of k in one iteration of the inner loop.
static constexpr int64_t unroll = 4;

/// Two vectors of b, one broadcast of a, the rest accumulators: 6 x 2 + 2 + 1 = 15 of AVX2's 16.
static Blocking chooseBlocking(const TargetInfo &target, int64_t bytes) {
  Blocking s;
  s.lanes = target.lanes(bytes * 8);
  s.group = 16 / bytes;
  s.mr = (target.vectorRegisters - 3) / 2;
  s.nr = 2 * s.lanes;
  s.kc = target.l1Bytes / 2 / (s.nr * bytes);
  s.mc = target.l2Bytes / 2 / (s.kc * bytes) / s.mr * s.mr;
  s.nc = narrowColumns;
  return s;
}

PackedEmitter::PackedEmitter(ContractionEmitter &emitter) : e(emitter), b(emitter.b) {
  Type element = e.c.accumulator;
  s = chooseBlocking(e.target, e.c.accumulator.getIntOrFloatBitWidth() / 8);
  auto scratch = [&](ArrayRef<int64_t> shape) {
    return allocateScratch(b, e.c.op, shape, element);
  };
  // Whole vectors are stored at steps of mr, so the last may reach past the last panel.
  aPanels = scratch({s.mc * s.kc + s.lanes});
  bPanel = scratch({s.kc * s.nr});
  edge = scratch({s.mr, s.nr});
  if (e.c.isNarrowResult())
    wide = scratch({s.mc, s.nc});
}

void PackedEmitter::emit() {
  Value zero = b.index(0);
  auto overRows = [&](Value n0) {
    b.loop(zero, e.sizeM(), s.mc, [&](Value m0) { emitBlock(m0, n0); });
  };
  if (!wide)
    return overRows(zero);
  b.loop(zero, e.sizeN(), s.nc, overRows);
}

void PackedEmitter::emitBlock(Value m0, Value n0) {
  mEnd = b.min(b.add(m0, b.index(s.mc)), e.sizeM());
  nEnd = wide ? b.min(b.add(n0, b.index(s.nc)), e.sizeN()) : e.sizeN();
  if (wide)
    clearNarrow();
  b.loop(b.index(0), e.sizeK(), s.kc, [&](Value k0) { emitDepth(m0, n0, k0); });
  if (wide)
    flushNarrow(m0, n0);
}

void PackedEmitter::emitDepth(Value m0, Value n0, Value k0) {
  Value depth = b.min(b.sub(e.sizeK(), k0), b.index(s.kc));
  b.loop(m0, mEnd, s.mr, [&](Value m) {
    Value offset = b.mul(b.sub(m, m0), b.index(s.kc));
    pack(e.c.a, m, e.sizeM(), k0, depth, s.mr, aPanels, offset);
  });
  b.loop(n0, nEnd, s.nr, [&](Value n) {
    pack(e.c.b, n, e.sizeN(), k0, depth, s.nr, bPanel, b.index(0));
    b.loop(m0, mEnd, s.mr, [&](Value m) { emitTile(m0, n0, m, n, depth); });
  });
}

void PackedEmitter::emitTile(Value m0, Value n0, Value m, Value n, Value depth) {
  Value aOffset = b.mul(b.sub(m, m0), b.index(s.kc));
  update(m, n, m0, n0, multiply(aOffset, depth));
}

//===------------------------------------------------------------------------------------------===//
// Packing: panel[offset + k * count + r] = factor[first + r, k0 + k]
//===------------------------------------------------------------------------------------------===//

void PackedEmitter::pack(const Factor &factor, Value first, Value limit, Value k0, Value depth,
                         int64_t count, Value panel, Value offset) {
  SmallVector<Value> rows;
  Value last = b.sub(limit, b.index(1));
  for (int64_t r = 0, padded = llvm::alignTo(count, s.lanes); r < padded; ++r)
    rows.push_back(b.min(b.add(first, b.index(std::min(r, count - 1))), last));
  if (factor.contiguousAlongK) {
    Value whole = b.roundDown(depth, s.group);
    packAlongK(factor, rows, k0, b.index(0), whole, count, panel, offset);
    return packScalars(factor, rows, k0, whole, depth, count, panel, offset);
  }
  if (factor.contiguousAlongRow)
    return packAlongRow(factor, first, limit, rows, k0, depth, count, panel, offset);
  packScalars(factor, rows, k0, b.index(0), depth, count, panel, offset);
}

static Value panelIndex(EmitBuilder &b, Value offset, Value k, int64_t count, int64_t row) {
  return b.add(b.add(offset, b.mul(k, b.index(count))), b.index(row));
}

void PackedEmitter::packScalars(const Factor &factor, ArrayRef<Value> rows, Value k0, Value begin,
                                Value end, int64_t count, Value panel, Value offset) {
  b.loop(begin, end, 1, [&](Value k) {
    for (int64_t r = 0; r < count; ++r) {
      Value element = e.loadScalar(factor, rows[r], b.add(k0, k));
      memref::StoreOp::create(b, element, panel, panelIndex(b, offset, k, count, r));
    }
  });
}

void PackedEmitter::packAlongRow(const Factor &factor, Value first, Value limit,
                                 ArrayRef<Value> rows, Value k0, Value depth, int64_t count,
                                 Value panel, Value offset) {
  Value end = b.add(first, b.index(rows.size()));
  Value whole = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, end, limit);
  auto copyVectors = [&] {
    b.loop(b.index(0), depth, 1, [&](Value k) {
      for (int64_t r = 0; r < count; r += s.lanes) {
        Value row = b.add(first, b.index(r));
        Value values = e.loadVector(factor, row, b.add(k0, k), s.lanes);
        vector::StoreOp::create(b, values, panel, panelIndex(b, offset, k, count, r));
      }
    });
  };
  b.branch(whole, copyVectors,
           [&] { packScalars(factor, rows, k0, b.index(0), depth, count, panel, offset); });
}

/// Applies `mask`, given for the first group of `group` lanes of two vectors, to every group.
static Value shuffleGroups(EmitBuilder &b, Value lhs, Value rhs, ArrayRef<int64_t> mask) {
  int64_t lanes = cast<VectorType>(lhs.getType()).getNumElements();
  int64_t group = mask.size();
  SmallVector<int64_t> full;
  for (int64_t base = 0; base < lanes; base += group)
    for (int64_t source : mask)
      full.push_back(source < group ? base + source : lanes + base + source - group);
  return vector::ShuffleOp::create(b, lhs, rhs, full);
}

/// Transposes each group of `vectors.size()` (1, 2 or 4) lanes; one 128-bit part of a register,
/// so that no shuffle crosses parts.
static SmallVector<Value> transposeGroups(EmitBuilder &b, ArrayRef<Value> vectors) {
  if (vectors.size() == 1)
    return {vectors[0]};
  if (vectors.size() == 2)
    return {shuffleGroups(b, vectors[0], vectors[1], {0, 2}),
            shuffleGroups(b, vectors[0], vectors[1], {1, 3})};
  Value low01 = shuffleGroups(b, vectors[0], vectors[1], {0, 4, 1, 5});
  Value low23 = shuffleGroups(b, vectors[2], vectors[3], {0, 4, 1, 5});
  Value high01 = shuffleGroups(b, vectors[0], vectors[1], {2, 6, 3, 7});
  Value high23 = shuffleGroups(b, vectors[2], vectors[3], {2, 6, 3, 7});
  return {shuffleGroups(b, low01, low23, {0, 1, 4, 5}),
          shuffleGroups(b, low01, low23, {2, 3, 6, 7}),
          shuffleGroups(b, high01, high23, {0, 1, 4, 5}),
          shuffleGroups(b, high01, high23, {2, 3, 6, 7})};
}

static Value concatenate(EmitBuilder &b, ArrayRef<Value> parts) {
  if (parts.size() == 1)
    return parts[0];
  Value low = concatenate(b, parts.take_front(parts.size() / 2));
  Value high = concatenate(b, parts.drop_front(parts.size() / 2));
  int64_t lanes = 2 * cast<VectorType>(low.getType()).getNumElements();
  return vector::ShuffleOp::create(b, low, high, llvm::to_vector(llvm::seq<int64_t>(0, lanes)));
}

/// For one vector of rows: element i of the result holds `factor[rows, k + i]`.
SmallVector<Value> PackedEmitter::loadTransposed(const Factor &factor, ArrayRef<Value> rows,
                                                 Value k) {
  SmallVector<Value> vectors;
  for (int64_t i = 0; i < s.group; ++i) {
    SmallVector<Value> parts;
    for (int64_t base = 0; base < s.lanes; base += s.group)
      parts.push_back(e.loadNarrow(factor, rows[base + i], k, s.group));
    vectors.push_back(e.widen(concatenate(b, parts)));
  }
  return transposeGroups(b, vectors);
}

void PackedEmitter::packAlongK(const Factor &factor, ArrayRef<Value> rows, Value k0, Value begin,
                               Value end, int64_t count, Value panel, Value offset) {
  b.loop(begin, end, s.group, [&](Value k) {
    SmallVector<SmallVector<Value>> columns;
    for (size_t r = 0; r < rows.size(); r += s.lanes)
      columns.push_back(loadTransposed(factor, rows.slice(r, s.lanes), b.add(k0, k)));
    // In ascending order: where count is no multiple of the lanes, a store writes past its
    // step, and the next one overwrites that.
    for (int64_t i = 0; i < s.group; ++i)
      for (auto [v, column] : llvm::enumerate(columns))
        vector::StoreOp::create(b, column[i], panel,
                                panelIndex(b, offset, b.add(k, b.index(i)), count, v * s.lanes));
  });
}

//===------------------------------------------------------------------------------------------===//
// The inner loop
//===------------------------------------------------------------------------------------------===//

SmallVector<Value> PackedEmitter::multiplyStep(Value aOffset, Value k, ValueRange accumulators) {
  VectorType type = e.vector(s.lanes);
  Value low = vector::LoadOp::create(b, type, bPanel, panelIndex(b, b.index(0), k, s.nr, 0));
  Value high = vector::LoadOp::create(b, type, bPanel, panelIndex(b, b.index(0), k, s.nr, s.lanes));
  SmallVector<Value> next;
  for (int64_t r = 0; r < s.mr; ++r) {
    Value scalar = memref::LoadOp::create(b, aPanels, panelIndex(b, aOffset, k, s.mr, r));
    Value factor = vector::BroadcastOp::create(b, type, scalar);
    next.push_back(e.multiplyAdd(factor, low, accumulators[2 * r]));
    next.push_back(e.multiplyAdd(factor, high, accumulators[2 * r + 1]));
  }
  return next;
}

SmallVector<Value> PackedEmitter::multiply(Value aOffset, Value depth) {
  SmallVector<Value> tile(2 * s.mr, b.constant(e.vector(s.lanes), 0));
  Value whole = b.roundDown(depth, unroll);
  tile = b.loop(b.index(0), whole, unroll, tile, [&](Value k, ValueRange carried) {
    SmallVector<Value> values(carried);
    for (int64_t i = 0; i < unroll; ++i)
      values = multiplyStep(aOffset, b.add(k, b.index(i)), values);
    return values;
  });
  return b.loop(whole, depth, 1, tile,
                [&](Value k, ValueRange carried) { return multiplyStep(aOffset, k, carried); });
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
  Value whole = b.createOrFold<arith::AndIOp>(fits(m, s.mr, mEnd), fits(n, s.nr, nEnd));
  auto addVectors = [&] {
    for (int64_t i = 0; i < 2 * s.mr; ++i)
      addTo(b.add(m, b.index(i / 2)), b.add(n, b.index(i % 2 * s.lanes)), m0, n0, tile[i]);
  };
  b.branch(whole, addVectors, [&] { updateEdge(m, n, m0, n0, tile); });
}

void PackedEmitter::updateEdge(Value m, Value n, Value m0, Value n0, ArrayRef<Value> tile) {
  for (int64_t i = 0; i < 2 * s.mr; ++i)
    vector::StoreOp::create(b, tile[i], edge, ValueRange{b.index(i / 2), b.index(i % 2 * s.lanes)});
  Value rows = b.min(b.sub(mEnd, m), b.index(s.mr));
  Value columns = b.min(b.sub(nEnd, n), b.index(s.nr));
  b.loop(b.index(0), rows, 1, [&](Value i) {
    b.loop(b.index(0), columns, 1, [&](Value j) {
      Value sum = memref::LoadOp::create(b, edge, ValueRange{i, j});
      addTo(b.add(m, i), b.add(n, j), m0, n0, sum);
    });
  });
}

void PackedEmitter::clearNarrow() {
  Value zero = b.constant(e.vector(s.lanes), 0);
  b.loop(b.index(0), b.index(s.mc), 1, [&](Value m) {
    b.loop(b.index(0), b.index(s.nc), s.lanes, [&](Value n) {
      vector::StoreOp::create(b, zero, wide, ValueRange{m, n});
    });
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
