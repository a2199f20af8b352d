#include "passes/contraction/EmitContractionTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace fovea;

//===------------------------------------------------------------------------------------------===//
// Sums
//===------------------------------------------------------------------------------------------===//

/// Steps of k in one iteration of the inner loop.
static constexpr int64_t unroll = 4;

/// The same of a tile. What is widened is ready later than what is loaded, so LLVM begins it
/// earlier: over four steps it then spilled sums of many rows.
static int64_t stepsAtOnce(ContractionEmitter &e, RegisterTile shape, ArrayRef<Panel> columns) {
  bool areNarrow = llvm::any_of(columns, [&](const Panel &panel) {
    return getElementTypeOrSelf(panel.memref) != e.c.accumulator;
  });
  return areNarrow && shape.rows == e.tile.many.rows ? unroll / 2 : unroll;
}

Value TileRows::load(EmitBuilder &b, int64_t r, Value k) const {
  if (panel)
    return memref::LoadOp::create(b, panel->memref, panel->at(b, k, r));
  Value element = memref::LoadOp::create(b, starts[r], k);
  return b.convertFloat(element, view.accumulator);
}

TileRows fovea::rowsAsTheyLie(const ContractionEmitter &e, Value m, Value k0, int64_t count) {
  EmitBuilder &b = e.b;
  TileRows rows{std::nullopt, e.view(e.c.a), {}, k0};
  Value last = b.sub(e.sizeM(), b.index(1));
  for (int64_t r = 0; r < count; ++r)
    rows.rows.push_back(r == 0 ? m : b.min(b.add(m, b.index(r)), last));
  return rows;
}

/// `sums[r * vectors + v] += a[r, k] * b[k, v]`: per step a load for each panel, of which k is step
/// `columnK`, and a broadcast for each row.
static SmallVector<Value> multiplyStep(ContractionEmitter &e, RegisterTile shape,
                                       const TileRows &rows, ArrayRef<Panel> columns, Value k,
                                       Value columnK, ValueRange sums) {
  EmitBuilder &b = e.b;
  VectorType type = e.vector(e.tile.lanes);
  SmallVector<Value> vectors, next;
  for (const Panel &panel : columns) {
    auto narrow = VectorType::get({e.tile.lanes}, getElementTypeOrSelf(panel.memref));
    vectors.push_back(
        e.widen(vector::LoadOp::create(b, narrow, panel.memref, panel.at(b, columnK, 0))));
  }
  for (int64_t r = 0; r < shape.rows; ++r) {
    Value factor = vector::BroadcastOp::create(b, type, rows.load(b, r, k));
    for (Value vector : vectors)
      next.push_back(e.multiplyAdd(factor, vector, sums[next.size()]));
  }
  return next;
}

/// Fetches the panel of the next rows, which lies behind this one: a may come from far away.
static void prefetchNext(ContractionEmitter &e, const Panel &rows, Value k, Value depth,
                         int64_t count) {
  int64_t line = cacheLine * 8 / e.c.accumulator.getIntOrFloatBitWidth();
  for (int64_t i = 0; i < count * rows.count; i += line)
    memref::PrefetchOp::create(e.b, rows.memref, rows.at(e.b, e.b.add(k, depth), i),
                               /*isWrite=*/false, /*localityHint=*/3, /*isDataCache=*/true);
}

/// Steps of k that weights are fetched ahead of their use: more than a load from memory takes.
static constexpr int64_t weightsAhead = 64;

/// Fetches what lies ahead in a panel of weights, for the `count` steps of one iteration. With many
/// products to a load, the processor does not look far enough ahead by itself.
static void prefetchAhead(ContractionEmitter &e, const Panel &weights, Value k, int64_t count) {
  int64_t perLine = cacheLine * weights.count / weights.stepBytes();
  for (int64_t i = 0; i < count * weights.count; i += perLine) {
    Value step = e.b.add(k, e.b.index(weightsAhead + i / weights.count));
    memref::PrefetchOp::create(e.b, weights.memref, weights.at(e.b, step, 0), /*isWrite=*/false,
                               /*localityHint=*/3, /*isDataCache=*/true);
  }
}

/// `count` steps from k on of a panel of weights. Of a block in front of the loop, so that its
/// address shares nothing with those of rows, which would all be loaded before it is overwritten;
/// of an iteration, so that the distances between its steps are constants, which loads hold in
/// themselves.
static Panel stepsFrom(EmitBuilder &b, const Panel &panel, Value k, OpFoldResult count) {
  SmallVector<OpFoldResult> offsets = getAsOpFoldResult(panel.leading);
  offsets.append({getAsOpFoldResult(b.add(panel.offset, k)), b.getIndexAttr(0)});
  SmallVector<OpFoldResult> sizes(panel.leading.size(), b.getIndexAttr(1));
  sizes.append({count, b.getIndexAttr(panel.count)});
  SmallVector<OpFoldResult> strides(offsets.size(), b.getIndexAttr(1));
  auto type = memref::SubViewOp::inferRankReducedResultType(
      {getConstantIntValue(count).value_or(ShapedType::kDynamic), panel.count},
      cast<MemRefType>(panel.memref.getType()), offsets, sizes, strides);
  Value steps =
      memref::SubViewOp::create(b, cast<MemRefType>(type), panel.memref, offsets, sizes, strides);
  return {steps, {}, b.index(0), panel.count, /*hasRowDim=*/true};
}

/// Every block of k has whole iterations.
static bool hasWholeIterations(ContractionEmitter &e) {
  std::optional<int64_t> depth = getConstantIntValue(e.sizeK());
  return depth && *depth % unroll == 0;
}

/// Behind a branch, so that what is done besides takes no part in the scheduling of multiply-adds,
/// which leave it no registers.
static void emitBeside(ContractionEmitter &e, Value k, function_ref<void(Value)> beside) {
  int64_t steps = e.tile.partSteps();
  Value isTurn =
      e.b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, k, e.b.roundDown(k, steps));
  e.b.branch(
      isTurn, [&] { beside(e.b.divide(k, steps)); }, [] {});
}

SmallVector<Value> fovea::multiplyTile(ContractionEmitter &e, RegisterTile shape,
                                       const TileRows &given, ArrayRef<Panel> columns, Value depth,
                                       function_ref<void(Value)> beside) {
  EmitBuilder &b = e.b;
  TileRows rows = given;
  if (!rows.panel)
    for (Value row : rows.rows)
      rows.starts.push_back(rows.view.viewAlongK(b, row, rows.k0, depth));
  SmallVector<Value> sums(shape.rows * shape.vectors, b.constant(e.vector(e.tile.lanes), 0));
  int64_t count = stepsAtOnce(e, shape, columns);
  Value whole = hasWholeIterations(e) ? depth : b.roundDown(depth, count);
  bool areWeights = llvm::all_of(columns, [](const Panel &panel) { return panel.hasRowDim; });
  SmallVector<Panel> blocks(columns);
  for (Panel &panel : blocks)
    if (areWeights)
      panel = stepsFrom(b, panel, b.index(0), getAsOpFoldResult(depth));
  sums = b.loop(b.index(0), whole, count, sums, [&](Value k, ValueRange carried) {
    SmallVector<Value> values(carried);
    if (shape.rows == e.tile.many.rows)
      emitBeside(e, k, beside);
    if (rows.panel)
      prefetchNext(e, *rows.panel, k, depth, count);
    SmallVector<Panel> steps(blocks);
    for (Panel &panel : steps)
      if (areWeights)
        panel = stepsFrom(b, panel, k, b.getIndexAttr(count));
    for (const Panel &panel : steps)
      if (panel.hasRowDim && shape.rows > maxFewRows)
        prefetchAhead(e, panel, areWeights ? b.index(0) : k, count);
    for (int64_t i = 0; i < count; ++i) {
      Value at = b.add(k, b.index(i));
      values = multiplyStep(e, shape, rows, steps, at, areWeights ? b.index(i) : at, values);
    }
    return values;
  });
  if (whole == depth)
    return sums;
  return b.loop(whole, depth, 1, sums, [&](Value k, ValueRange carried) {
    return multiplyStep(e, shape, rows, columns, k, k, carried);
  });
}

SmallVector<Value> fovea::sumsOf(ArrayRef<Value> tile, RegisterTile shape, int64_t first,
                                 int64_t count) {
  SmallVector<Value> sums;
  for (int64_t r = 0; r < shape.rows; ++r)
    llvm::append_range(sums, tile.slice(r * shape.vectors + first, count));
  return sums;
}

//===------------------------------------------------------------------------------------------===//
// Results
//===------------------------------------------------------------------------------------------===//

void TileResults::add(Value m, Value n, Value addend) {
  if (!wide)
    return e.accumulate(m, n, addend, isFirst);
  EmitBuilder &b = e.b;
  SmallVector<Value> at = {b.sub(m, mBegin), b.sub(n, nBegin)};
  auto type = dyn_cast<VectorType>(addend.getType());
  if (!type) {
    Value old = memref::LoadOp::create(b, wide, at);
    memref::StoreOp::create(b, arith::AddFOp::create(b, old, addend), wide, at);
    return;
  }
  Value old = vector::LoadOp::create(b, type, wide, at);
  vector::StoreOp::create(b, arith::AddFOp::create(b, old, addend), wide, at);
}

void TileResults::update(Value m, Value n, RegisterTile shape, ArrayRef<Value> tile) {
  if (!e.c.contiguousResult && !wide)
    return updateEdge(m, n, shape, tile);
  EmitBuilder &b = e.b;
  int64_t lanes = e.tile.lanes;
  auto fits = [&](Value first, int64_t count, Value end) {
    return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, b.add(first, b.index(count)),
                                         end);
  };
  Value whole = fits(m, shape.rows, mEnd);
  if (!hasWholeColumns)
    whole = b.createOrFold<arith::AndIOp>(whole, fits(n, shape.vectors * lanes, nEnd));
  auto forVectors = [&](auto function) {
    for (int64_t i = 0; i < shape.rows * shape.vectors; ++i)
      function(b.add(m, b.index(i / shape.vectors)), b.add(n, b.index(i % shape.vectors * lanes)),
               tile[i]);
  };
  auto updateWhole = [&] {
    if (!isFirst)
      return forVectors([&](Value m, Value n, Value sum) { add(m, n, sum); });
    b.branch(
        isFirst,
        [&] { forVectors([&](Value m, Value n, Value sum) { e.storeResult(m, n, sum); }); },
        [&] { forVectors([&](Value m, Value n, Value sum) { e.accumulate(m, n, sum); }); });
  };
  b.branch(whole, updateWhole, [&] { updateEdge(m, n, shape, tile); });
}

void TileResults::prefetch(Value m, Value n, int64_t vectors) {
  if (e.c.contiguousResult && !wide)
    e.prefetchResults(m, n, vectors * e.tile.lanes);
}

void TileResults::updateEdge(Value m, Value n, RegisterTile shape, ArrayRef<Value> tile) {
  EmitBuilder &b = e.b;
  int64_t lanes = e.tile.lanes, width = shape.vectors * lanes;
  for (auto [i, values] : llvm::enumerate(tile))
    vector::StoreOp::create(b, values, edge, b.index(i * lanes));
  Value rows = b.min(b.sub(mEnd, m), b.index(shape.rows));
  Value columns = b.min(b.sub(nEnd, n), b.index(width));
  Value whole = e.c.contiguousResult || wide ? b.roundDown(columns, lanes) : b.index(0);
  b.loop(b.index(0), rows, 1, [&](Value i) {
    Value row = b.mul(i, b.index(width));
    b.loop(b.index(0), whole, lanes, [&](Value j) {
      add(b.add(m, i), b.add(n, j),
          vector::LoadOp::create(b, e.vector(lanes), edge, b.add(row, j)));
    });
    b.loop(whole, columns, 1, [&](Value j) {
      add(b.add(m, i), b.add(n, j), memref::LoadOp::create(b, edge, b.add(row, j)));
    });
  });
}

void TileResults::clearWide() {
  EmitBuilder &b = e.b;
  auto type = cast<MemRefType>(wide.getType());
  Value zero = b.constant(e.vector(e.tile.lanes), 0);
  b.loop(b.index(0), b.sub(mEnd, mBegin), 1, [&](Value m) {
    b.loop(b.index(0), b.index(type.getDimSize(1)), e.tile.lanes, [&](Value n) {
      vector::StoreOp::create(b, zero, wide, ValueRange{m, n});
    });
  });
}

void TileResults::flushWide() {
  EmitBuilder &b = e.b;
  int64_t lanes = e.tile.lanes;
  Value columns = b.sub(nEnd, nBegin);
  Value whole = b.add(nBegin, e.c.contiguousResult ? b.roundDown(columns, lanes) : b.index(0));
  b.loop(mBegin, mEnd, 1, [&](Value m) {
    Value row = b.sub(m, mBegin);
    b.loop(nBegin, whole, lanes, [&](Value n) {
      e.accumulate(
          m, n,
          vector::LoadOp::create(b, e.vector(lanes), wide, ValueRange{row, b.sub(n, nBegin)}));
    });
    b.loop(whole, nEnd, 1, [&](Value n) {
      e.accumulate(m, n, memref::LoadOp::create(b, wide, ValueRange{row, b.sub(n, nBegin)}));
    });
  });
}
