// The product of panels (Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication,
// ACM TOMS 34, 2008).
//
// A tile of results stays in registers while it walks a block of k. Columns lie in panels
// [k][lanes]; unless b is a weight that the runtime has packed, a task packs those that it needs,
// block by block. Many rows are packed in panels [k][rows] that stay in the second-level cache;
// few are read as they lie; of these, products with weights are in EmitFewRows.cpp. Packing is
// where strides end, and for many rows narrow types, unless a target widens packed weights for
// nothing.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/contraction/EmitFewRows.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace fovea;

namespace {
enum class RowSource { AsTheyLie, PackedHere, PackedBefore };

/// Memory that all forms of one contraction share; null where no form needs it.
struct Scratch {
  Value rows;    // a block of packed rows
  Value columns; // the panels of a task, for one block of k
  Value edge, wide;
};

/// One form of the product: with one tile and one source of rows.
class PanelProduct {
public:
  PanelProduct(ContractionEmitter &emitter, const Scratch &scratch, RegisterTile tile,
               RowSource source)
      : e(emitter), b(emitter.b), s(emitter.tile), scratch(scratch), tile(tile), source(source) {}
  void emit();

private:
  int64_t stepRows() const;
  void emitBlock(Value m0, Value n0);
  void emitDepth(Value k0);
  void emitColumns(Value n1, Value end, Value k0, Value depth);
  void emitRows(Value m1, Value rowsEnd, Value n, Value end, Value k0, Value depth,
                ArrayRef<Panel> columns);
  void packRows(Value k0, Value depth);
  void prepareColumns(Value n1, Value end, Value k0, Value depth);
  void packColumns(Value n1, Value end, Value k0, Value depth);
  void copyColumns(Value n1, Value end, Value k0, Value depth);

  TileRows rowsAt(Value m, Value k0, Value depth);
  Panel blockPanel(Value m);
  Panel scratchPanel(Value n1, Value n);
  SmallVector<Panel> columnsAt(Value n1, Value n, Value end, Value k0);

  bool readsWeights() const;
  void fetchBeside(Value m, Value n, Value end, Value k0, Value part);
  void prefetchWeights(Value m, Value n, Value end, Value k0, Value part);

  ContractionEmitter &e;
  EmitBuilder &b;
  const ContractionTile &s;
  const Scratch &scratch;
  RegisterTile tile;
  RowSource source;
  std::optional<TileResults> results; // of the block being emitted
};
} // namespace

/// Many tiles of rows share columns that are widened once, where each would take time for that.
static bool widensOnce(const ContractionEmitter &e) {
  return e.c.hasNarrowColumns() && !(e.c.b.inPanels && e.target.freeWidening);
}

/// Weights are read where they are, unless many tiles of rows share a wide copy.
bool PanelProduct::readsWeights() const {
  return e.c.b.inPanels && (tile.rows != s.many.rows || !widensOnce(e));
}

/// Rows of the outermost loop.
int64_t PanelProduct::stepRows() const {
  switch (source) {
  case RowSource::AsTheyLie:
    return maxFewRows;
  case RowSource::PackedHere:
    return s.blockRows;
  case RowSource::PackedBefore:
    return s.taskRows;
  }
  return 0;
}

void PanelProduct::emit() {
  Value zero = b.index(0);
  b.loop(zero, e.sizeM(), stepRows(), [&](Value m0) {
    if (!scratch.wide)
      return emitBlock(m0, zero);
    b.loop(zero, e.sizeN(), s.taskColumns, [&](Value n0) { emitBlock(m0, n0); });
  });
}

void PanelProduct::emitBlock(Value m0, Value n0) {
  Value mEnd = b.min(b.add(m0, b.index(stepRows())), e.sizeM());
  Value nEnd = scratch.wide ? b.min(b.add(n0, b.index(s.taskColumns)), e.sizeN()) : e.sizeN();
  results.emplace(TileResults{e, scratch.edge, scratch.wide, m0, mEnd, n0, nEnd});
  if (scratch.wide)
    results->clearWide();
  b.loop(b.index(0), e.sizeK(), s.depth, [&](Value k0) { emitDepth(k0); });
  if (scratch.wide)
    results->flushWide();
}

void PanelProduct::emitDepth(Value k0) {
  if (e.c.overwrites)
    results->isFirst = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, k0, b.index(0));
  Value depth = b.min(b.sub(e.sizeK(), k0), b.index(s.depth));
  if (source == RowSource::PackedHere)
    packRows(k0, depth);
  b.loop(results->nBegin, results->nEnd, s.taskColumns, [&](Value n1) {
    Value end = b.min(b.add(n1, b.index(s.taskColumns)), results->nEnd);
    prepareColumns(n1, end, k0, depth);
    emitColumns(n1, end, k0, depth);
  });
}

void PanelProduct::emitColumns(Value n1, Value end, Value k0, Value depth) {
  b.loop(results->mBegin, results->mEnd, std::min(s.blockRows, stepRows()), [&](Value m1) {
    Value rowsEnd = b.min(b.add(m1, b.index(s.blockRows)), results->mEnd);
    b.loop(n1, end, tile.vectors * s.lanes,
           [&](Value n) { emitRows(m1, rowsEnd, n, end, k0, depth, columnsAt(n1, n, end, k0)); });
  });
}

/// Rows m1 on; where the last ones are no more than a smaller tile has, with that.
void PanelProduct::emitRows(Value m1, Value rowsEnd, Value n, Value end, Value k0, Value depth,
                            ArrayRef<Panel> columns) {
  auto multiply = [&](Value m, RegisterTile shape) {
    auto beside = [&](Value part) { fetchBeside(m, n, end, k0, part); };
    results->update(m, n, shape,
                    multiplyTile(e, shape, rowsAt(m, k0, depth), columns, depth, beside));
  };
  auto multiplyUpTo = [&](Value limit) {
    b.loop(m1, limit, tile.rows, [&](Value m) { multiply(m, tile); });
  };
  if (tile.rows != s.many.rows || !s.some || s.some->vectors != tile.vectors)
    return multiplyUpTo(rowsEnd);
  auto compare = [&](arith::CmpIPredicate predicate, Value x, Value y) {
    return b.createOrFold<arith::CmpIOp>(predicate, x, y);
  };
  Value last = b.add(m1, b.roundDown(b.sub(rowsEnd, m1), tile.rows));
  Value fits = compare(arith::CmpIPredicate::sle, b.sub(rowsEnd, last), b.index(s.some->rows));
  multiplyUpTo(b.createOrFold<arith::SelectOp>(fits, last, rowsEnd));
  Value isSmall =
      b.createOrFold<arith::AndIOp>(fits, compare(arith::CmpIPredicate::slt, last, rowsEnd));
  b.branch(
      isSmall, [&] { multiply(last, *s.some); }, [] {});
}

//===------------------------------------------------------------------------------------------===//
// Rows
//===------------------------------------------------------------------------------------------===//

Panel PanelProduct::blockPanel(Value m) {
  return {scratch.rows, {}, b.mul(b.sub(m, results->mBegin), b.index(s.depth)), s.many.rows};
}

TileRows PanelProduct::rowsAt(Value m, Value k0, Value depth) {
  if (source == RowSource::PackedHere)
    return {blockPanel(m), {}, {}, {}};
  if (source == RowSource::PackedBefore)
    return {e.packedPanel(m, k0, depth), {}, {}, {}};
  return rowsAsTheyLie(e, m, k0, tile.rows);
}

void PanelProduct::packRows(Value k0, Value depth) {
  FactorView rows = e.view(e.c.a);
  PanelPacker packer(b, s, rows);
  b.loop(results->mBegin, results->mEnd, s.many.rows,
         [&](Value m) { packer.pack(m, e.sizeM(), k0, depth, blockPanel(m)); });
}

//===------------------------------------------------------------------------------------------===//
// Columns
//===------------------------------------------------------------------------------------------===//

Panel PanelProduct::scratchPanel(Value n1, Value n) {
  return {scratch.columns, {}, b.mul(b.sub(n, n1), b.index(s.depth)), s.lanes};
}

/// A panel past the end repeats the last one.
SmallVector<Panel> PanelProduct::columnsAt(Value n1, Value n, Value end, Value k0) {
  SmallVector<Panel> columns;
  Value last = b.sub(b.roundUp(b.sub(end, n1), s.lanes), b.index(s.lanes));
  for (int64_t v = 0; v < tile.vectors; ++v) {
    Value at = v == 0 ? n : b.min(b.add(n, b.index(v * s.lanes)), b.add(n1, last));
    columns.push_back(readsWeights() ? e.weightPanel(at, k0) : scratchPanel(n1, at));
  }
  return columns;
}

void PanelProduct::prepareColumns(Value n1, Value end, Value k0, Value depth) {
  if (readsWeights())
    return;
  if (e.c.b.inPanels)
    return copyColumns(n1, end, k0, depth);
  packColumns(n1, end, k0, depth);
}

void PanelProduct::copyColumns(Value n1, Value end, Value k0, Value depth) {
  b.loop(n1, end, s.lanes, [&](Value n) {
    Panel from = e.weightPanel(n, k0), to = scratchPanel(n1, n);
    auto type = VectorType::get({s.lanes}, getElementTypeOrSelf(from.memref));
    b.loop(b.index(0), depth, 1, [&](Value k) {
      Value narrow = vector::LoadOp::create(b, type, from.memref, from.at(b, k, 0));
      vector::StoreOp::create(b, e.widen(narrow), to.memref, to.at(b, k, 0));
    });
  });
}

void PanelProduct::packColumns(Value n1, Value end, Value k0, Value depth) {
  FactorView columns = e.view(e.c.b);
  PanelPacker packer(b, s, columns);
  auto packEach = [&] {
    b.loop(n1, end, s.lanes,
           [&](Value n) { packer.pack(n, e.sizeN(), k0, depth, scratchPanel(n1, n)); });
  };
  if (!columns.contiguousAlongRow)
    return packEach();
  SmallVector<Panel> panels;
  for (int64_t n = 0; n < s.taskColumns; n += s.lanes)
    panels.push_back(scratchPanel(n1, b.add(n1, b.index(n))));
  Value whole = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, b.sub(end, n1),
                                              b.index(s.taskColumns));
  b.branch(
      whole, [&] { packer.packStrip(n1, k0, depth, panels); }, packEach);
}

//===------------------------------------------------------------------------------------------===//
// What comes next, fetched while many rows are multiplied
//===------------------------------------------------------------------------------------------===//

/// In each part of a tile a row of the results that it is added to, and so much of the next block
/// of weights that all of it is in the second-level cache once the rows of the task are through.
void PanelProduct::fetchBeside(Value m, Value n, Value end, Value k0, Value part) {
  results->prefetch(b.add(m, part), n, tile.vectors);
  if (e.c.b.inPanels)
    prefetchWeights(m, n, end, k0, part);
}

/// Each tile of rows fetches of one panel, in turn: of the next block of k, or of the first one of
/// the next task. All of it is there once a block of rows is through, which a task may have one of.
void PanelProduct::prefetchWeights(Value m, Value n, Value end, Value k0, Value part) {
  int64_t steps = llvm::divideCeil(tile.vectors * tile.rows * s.depth, s.blockRows);
  Value tiles = b.divide(b.sub(m, results->mBegin), tile.rows),
        turns = b.divide(tiles, tile.vectors);
  Value turn = b.sub(tiles, b.mul(turns, b.index(tile.vectors)));
  Value column = b.min(b.add(n, b.mul(turn, b.index(s.lanes))), b.sub(end, b.index(1)));
  Value next = b.add(k0, b.index(s.depth));
  Value isLast = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sge, next, e.sizeK());
  auto choose = [&](Value last, Value other) {
    return b.createOrFold<arith::SelectOp>(isLast, last, other);
  };
  Panel panel = e.weightPanel(choose(b.add(column, b.index(s.taskColumns)), column),
                              choose(b.index(0), next));
  int64_t lineSteps = std::max<int64_t>(cacheLine / panel.stepBytes(), 1);
  int64_t lines = llvm::divideCeil(steps, s.depth / s.partSteps() * lineSteps);
  for (int64_t i = 0; i < lines; ++i) {
    Value line = b.add(b.mul(part, b.index(lines)), b.index(i));
    Value step = b.add(b.mul(turns, b.index(steps)), b.mul(line, b.index(lineSteps)));
    memref::PrefetchOp::create(b, panel.memref, panel.at(b, step, 0), /*isWrite=*/false,
                               /*localityHint=*/2, /*isDataCache=*/true);
  }
}

//===------------------------------------------------------------------------------------------===//
// All forms
//===------------------------------------------------------------------------------------------===//

/// What the forms for few and for many rows need, where they are possible.
static Scratch allocateFor(ContractionEmitter &e, bool hasFew, bool hasMany) {
  const ContractionTile &s = e.tile;
  auto allocate = [&](ArrayRef<int64_t> shape) {
    return allocateScratch(e.b, e.c.op, shape, e.c.accumulator);
  };
  Scratch scratch;
  bool packsRows = hasMany && !e.packed;
  if (packsRows)
    scratch.rows = allocate({s.blockRows * s.depth});
  if (!e.c.b.inPanels || (hasMany && widensOnce(e)))
    scratch.columns = allocate({s.taskColumns * s.depth});
  int64_t edge = hasMany ? s.many.rows * s.many.vectors : 0;
  for (RegisterTile tile : s.few)
    edge = std::max(edge, hasFew ? tile.rows * tile.vectors : 0);
  scratch.edge = allocate({edge * s.lanes});
  if (e.c.isNarrowResult())
    scratch.wide = allocate({!hasMany   ? maxFewRows
                             : e.packed ? s.taskRows
                                        : s.blockRows,
                             s.taskColumns});
  return scratch;
}

/// Rows as they lie, with one tile.
static void emitFew(MutableArrayRef<ContractionEmitter> products, ArrayRef<Scratch> scratch,
                    RegisterTile tile) {
  SmallVector<FewRowsProduct, 2> few;
  for (auto [e, memory] : llvm::zip(products, scratch))
    few.push_back({e, memory.edge, memory.wide});
  // Siblings are alike in this.
  if (!products.front().c.b.inPanels) {
    for (auto [e, memory] : llvm::zip(products, scratch))
      PanelProduct(e, memory, tile, RowSource::AsTheyLie).emit();
    return;
  }
  if (canShareTile(tile))
    return emitFewRows(few, tile);
  for (const FewRowsProduct &product : few)
    emitFewRows(product, tile);
}

/// The smallest of the tiles that holds all rows, else the largest.
static void emitFew(MutableArrayRef<ContractionEmitter> products, ArrayRef<Scratch> scratch,
                    ArrayRef<RegisterTile> tiles) {
  ContractionEmitter &e = products.front();
  auto emit = [&] { emitFew(products, scratch, tiles.front()); };
  if (tiles.size() == 1)
    return emit();
  Value fits = e.b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, e.sizeM(),
                                               e.b.index(tiles.front().rows));
  e.b.branch(fits, emit, [&] { emitFew(products, scratch, tiles.drop_front()); });
}

/// Packed rows, `all` in the whole matrix.
static void emitMany(ContractionEmitter &e, const Scratch &scratch, Value all) {
  RowSource source = e.packed ? RowSource::PackedBefore : RowSource::PackedHere;
  auto emit = [&](RegisterTile tile) { PanelProduct(e, scratch, tile, source).emit(); };
  // A product without a copy to save has the smaller tile for its last rows as well.
  if (!e.tile.some || !widensOnce(e))
    return emit(e.tile.many);
  Value fits =
      e.b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, all, e.b.index(e.tile.some->rows));
  e.b.branch(
      fits, [&] { emit(*e.tile.some); }, [&] { emit(e.tile.many); });
}

void fovea::emitPanelProducts(MutableArrayRef<ContractionEmitter> products) {
  ContractionEmitter &e = products.front();
  EmitBuilder &b = e.b;
  // All tiles of a matrix alike: whether a is packed is decided for all of them.
  Value all = e.packed ? e.packed->rows : e.sizeM();
  Value isFew = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, all, b.index(maxFewRows));
  std::optional<int64_t> known = getConstantIntValue(isFew);
  SmallVector<Scratch, 2> scratch;
  for (ContractionEmitter &product : products)
    scratch.push_back(allocateFor(product, !known || *known, !known || !*known));
  auto emitEach = [&] {
    for (auto [product, memory] : llvm::zip(products, scratch))
      emitMany(product, memory, all);
  };
  scf::IfOp branch = b.branch(
      isFew, [&] { emitFew(products, scratch, ArrayRef(e.tile.few)); }, emitEach);
  if (branch)
    branch->setAttr("attn.kernel_name", b.getStringAttr("contraction_few"));
}
