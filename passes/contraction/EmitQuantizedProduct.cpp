// Rows of 16 bits times weights of 8 or 4: the sum of a group, an exact integer, is added times
// both scales to the element's sum in f32, group by group in the order of k. So the bits of an
// element depend on its row and its column alone, whatever tile computes it.
#include "passes/contraction/EmitQuantizedProduct.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/contraction/EmitFewRows.h"
#include "passes/contraction/EmitQuantizedGroup.h"

using namespace mlir;
using namespace fovea;

namespace {
/// A form of the product, or of two siblings: with one tile, of rows that are quantised already.
class QuantizedProductEmitter {
public:
  QuantizedProductEmitter(MutableArrayRef<ContractionEmitter> products, QuantizedTile tile,
                          const QuantizedRows &rows, Value firstRow, Value sums, Value edge)
      : products(products), e(products.front()), b(e.b), tile(tile), group(e, tile, rows),
        groups(rowLayoutOf(e).groups), firstRow(firstRow), sums(sums), edge(edge) {}

  /// Rows mBegin ... mEnd - 1 of the op, of which the first is row `firstRow` of those quantised.
  void emit(Value mBegin, Value mEnd);

private:
  int64_t count() const { return tile.rows * tile.vectors; }
  /// Of each product.
  int64_t vectors() const { return tile.vectors / static_cast<int64_t>(products.size()); }
  SmallVector<WeightPanel> panelsAt(Value n);
  SmallVector<Value> multiplyAll(Value row, ArrayRef<WeightPanel> panels);
  void prefetchAhead(ArrayRef<WeightPanel> panels, Value group);
  Value addScaled(Value integers, Value scales, Value rowScale, Value sum);

  MutableArrayRef<ContractionEmitter> products;
  ContractionEmitter &e; // the first; rows and loops are those of all
  EmitBuilder &b;
  QuantizedTile tile;
  QuantizedGroupEmitter group;
  int64_t groups;
  Value firstRow, sums, edge;
};
} // namespace

/// Groups that weights are fetched ahead of their use.
static constexpr int64_t groupsAhead = 8;

/// Fetches a later group of each panel, its scales included, which lie behind its values. With many
/// products to a load, the processor does not look far enough ahead by itself. Behind a panel lies
/// the next of its stream.
void QuantizedProductEmitter::prefetchAhead(ArrayRef<WeightPanel> panels, Value group) {
  auto type = cast<MemRefType>(e.c.quantized->values.getType());
  int64_t vectorBytes = type.getDimSize(4), bytes = (type.getDimSize(3) + 1) * vectorBytes;
  Value later = b.add(group, b.index(groupsAhead));
  for (const auto &[factor, place] : panels)
    for (int64_t i = 0; i < bytes; i += cacheLine) {
      Value at[] = {place.stream, place.place, later, b.index(i / vectorBytes), b.index(0)};
      memref::PrefetchOp::create(b, factor.values, at, /*isWrite=*/false, /*localityHint=*/3,
                                 /*isDataCache=*/true);
    }
}

Value QuantizedProductEmitter::addScaled(Value integers, Value scales, Value rowScale, Value sum) {
  VectorType type = e.vector(e.tile.lanes);
  Value scale = arith::MulFOp::create(b, scales, b.splat(type, rowScale));
  return e.multiplyAdd(arith::SIToFPOp::create(b, type, integers), scale, sum);
}

/// The sums of all groups, in registers or, if these do not suffice, in memory in between.
SmallVector<Value> QuantizedProductEmitter::multiplyAll(Value row, ArrayRef<WeightPanel> panels) {
  VectorType type = e.vector(e.tile.lanes);
  auto narrow = VectorType::get({e.tile.lanes}, b.getBF16Type());
  Value zero = b.constant(type, 0);
  auto place = [&](int64_t i) { return b.index(i * e.tile.lanes); };
  auto addGroup = [&](Value number,
                      function_ref<void(int64_t, function_ref<Value(Value)>)> update) {
    if (tile.rows > maxFewRows)
      prefetchAhead(panels, number);
    GroupPlace at{row, panels, number};
    SmallVector<Value> integers = group.multiply(at), scales;
    for (const WeightPanel &panel : panels)
      scales.push_back(e.widen(panel.loadScales(b, narrow, number)));
    for (int64_t r = 0; r < tile.rows; ++r) {
      Value rowScale = group.loadRowScale(at, r);
      for (int64_t v = 0; v < tile.vectors; ++v) {
        int64_t i = r * tile.vectors + v;
        update(i, [&](Value sum) { return addScaled(integers[i], scales[v], rowScale, sum); });
      }
    }
  };
  if (tile.inRegisters)
    return b.loop(b.index(0), b.index(groups), 1, SmallVector<Value>(count(), zero),
                  [&](Value number, ValueRange carried) {
                    SmallVector<Value> next(carried);
                    addGroup(number, [&](int64_t i, auto add) { next[i] = add(next[i]); });
                    return next;
                  });
  for (int64_t i = 0; i < count(); ++i)
    vector::StoreOp::create(b, zero, sums, place(i));
  b.loop(b.index(0), b.index(groups), 1, [&](Value number) {
    addGroup(number, [&](int64_t i, auto add) {
      Value sum = add(vector::LoadOp::create(b, type, sums, place(i)));
      vector::StoreOp::create(b, sum, sums, place(i));
    });
  });
  SmallVector<Value> results;
  for (int64_t i = 0; i < count(); ++i)
    results.push_back(vector::LoadOp::create(b, type, sums, place(i)));
  return results;
}

/// The panels of each product in turn.
SmallVector<WeightPanel> QuantizedProductEmitter::panelsAt(Value n) {
  SmallVector<WeightPanel> panels;
  for (ContractionEmitter &product : products)
    for (Value column : e.panelColumns(n, vectors())) {
      const QuantizedFactor &factor = *product.c.quantized;
      panels.push_back({factor, placeOfPanel(b, factor.shape(), column)});
    }
  return panels;
}

void QuantizedProductEmitter::emit(Value mBegin, Value mEnd) {
  Value zero = b.index(0), nEnd = e.sizeN();
  int64_t columns = vectors() * e.tile.lanes;
  bool isWhole = e.hasWholeTiles(columns);
  b.loop(mBegin, mEnd, tile.rows, [&](Value m) {
    Value row = b.add(firstRow, b.sub(m, mBegin));
    b.loop(zero, nEnd, columns, [&](Value n) {
      SmallVector<Value> all = multiplyAll(row, panelsAt(n));
      for (auto [i, product] : llvm::enumerate(products)) {
        TileResults results{product, edge, Value(), mBegin, mEnd, zero, nEnd, isWhole};
        results.update(m, n, {tile.rows, vectors()},
                       sumsOf(all, {tile.rows, tile.vectors}, i * vectors(), vectors()));
      }
    });
  });
}

//===------------------------------------------------------------------------------------------===//
// All forms
//===------------------------------------------------------------------------------------------===//

namespace {
/// Memory that all forms share.
struct Scratch {
  Value sums, edge;
};
} // namespace

static Scratch allocateFor(ContractionEmitter &e, ArrayRef<QuantizedTile> tiles) {
  int64_t inMemory = 0, largest = 0;
  for (const QuantizedTile &tile : tiles) {
    largest = std::max(largest, tile.rows * tile.vectors);
    if (!tile.inRegisters)
      inMemory = std::max(inMemory, tile.rows * tile.vectors);
  }
  auto allocate = [&](int64_t vectors) {
    return allocateScratch(e.b, e.c.op, {vectors * e.tile.lanes}, e.c.accumulator);
  };
  return {inMemory ? allocate(inMemory) : Value(), allocate(largest)};
}

/// Rows that the loop in front has packed: in panels of the smallest tile that holds them all.
static void emitPacked(MutableArrayRef<ContractionEmitter> products, const Scratch &scratch,
                       const QuantizedRows &rows, Value firstRow, ArrayRef<QuantizedTile> tiles) {
  ContractionEmitter &e = products.front();
  const QuantizedTile &tile = tiles.front();
  auto emitTogether = [&](MutableArrayRef<ContractionEmitter> some) {
    QuantizedProductEmitter(some, tile, rows, firstRow, scratch.sums, scratch.edge)
        .emit(e.b.index(0), e.sizeM());
  };
  auto emit = [&] {
    if (tiles.size() > 1 && canShareTile({tile.rows, tile.vectors}))
      return emitTogether(products);
    for (ContractionEmitter &product : products)
      emitTogether(product);
  };
  if (tiles.size() == 1)
    return emit();
  Value fits = e.b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, e.packed->rows,
                                               e.b.index(tile.rows));
  e.b.branch(fits, emit,
             [&] { emitPacked(products, scratch, rows, firstRow, tiles.drop_front()); });
}

/// Rows that only this task knows, a tile at a time.
static void emitHere(ContractionEmitter &e, const QuantizedTile &tile) {
  EmitBuilder &b = e.b;
  QuantizedRowLayout layout = rowLayoutOf(e);
  Scratch scratch = allocateFor(e, tile);
  QuantizedRows rows{allocateScratch(b, e.c.op, {tile.rows * layout.rowWords()}, b.getI32Type()),
                     {}};
  Value buffer = allocateScratch(b, e.c.op, {attn::quantizedGroup}, e.c.accumulator);
  FactorView factor = e.view(e.c.a);
  RowQuantizer quantizer(b, e.target, factor, e.sizeK(), layout, buffer);
  b.loop(b.index(0), e.sizeM(), tile.rows, [&](Value m) {
    Value end = b.min(b.add(m, b.index(tile.rows)), e.sizeM());
    quantizer.pack(m, end, rows, b.index(0), b.index(tile.rows));
    QuantizedProductEmitter(e, tile, rows, b.index(0), scratch.sums, scratch.edge).emit(m, end);
  });
}

void fovea::emitQuantizedProducts(MutableArrayRef<ContractionEmitter> products) {
  ContractionEmitter &e = products.front();
  SmallVector<QuantizedTile, 5> tiles = chooseQuantizedTiles(e.target, e.c.quantized->format);
  if (!e.packed) {
    for (ContractionEmitter &product : products)
      emitHere(product, e.c.a.row ? tiles[tiles.size() - 2] : tiles.front());
    return;
  }
  FactorView factor = e.view(e.c.a);
  QuantizedRows rows{e.packed->memref, {}};
  for (unsigned dim : e.packed->dims)
    rows.leading.push_back(e.b.add(e.packed->offsets[dim], factor.at[dim]));
  Value firstRow = e.packed->offsets[e.packed->rowDim];
  emitPacked(products, allocateFor(e, tiles), rows, firstRow, tiles);
}
