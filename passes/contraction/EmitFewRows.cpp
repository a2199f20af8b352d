#include "passes/contraction/EmitFewRows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace fovea;

namespace {
/// A tile of rows by the same columns of each product.
class FewRowsEmitter {
public:
  FewRowsEmitter(ArrayRef<FewRowsProduct> products, RegisterTile tile)
      : products(products), e(products.front().e), b(e.b), tile(tile),
        vectors(tile.vectors / static_cast<int64_t>(products.size())) {}
  void emit();

private:
  int64_t columns() const { return vectors * e.tile.lanes; }
  void emitColumns(Value m, Value n);
  void emitDepth(Value m, Value n, Value k0, MutableArrayRef<TileResults> results);
  SmallVector<Panel> panelsAt(Value n, Value k0);

  ArrayRef<FewRowsProduct> products;
  ContractionEmitter &e; // the first; rows and loops are those of all
  EmitBuilder &b;
  RegisterTile tile;
  int64_t vectors; // of each product
};
} // namespace

/// The panels of each product in turn.
SmallVector<Panel> FewRowsEmitter::panelsAt(Value n, Value k0) {
  SmallVector<Panel> panels;
  for (const FewRowsProduct &product : products)
    for (Value column : e.panelColumns(n, vectors))
      panels.push_back(product.e.weightPanel(column, k0));
  return panels;
}

void FewRowsEmitter::emitDepth(Value m, Value n, Value k0, MutableArrayRef<TileResults> results) {
  Value depth = b.min(b.sub(e.sizeK(), k0), b.index(e.tile.depth));
  SmallVector<Value> sums = multiplyTile(e, tile, rowsAsTheyLie(e, m, k0, tile.rows),
                                         panelsAt(n, k0), depth, [](Value) {});
  for (auto [i, result] : llvm::enumerate(results)) {
    if (result.e.c.overwrites)
      result.isFirst = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, k0, b.index(0));
    result.update(m, n, {tile.rows, vectors}, sumsOf(sums, tile, i * vectors, vectors));
  }
}

void FewRowsEmitter::emitColumns(Value m, Value n) {
  Value mEnd = b.min(b.add(m, b.index(tile.rows)), e.sizeM());
  bool isWhole = e.hasWholeTiles(columns());
  Value nEnd = b.add(n, b.index(columns()));
  if (!isWhole)
    nEnd = b.min(nEnd, e.sizeN());
  SmallVector<TileResults, 2> results;
  for (const FewRowsProduct &product : products)
    results.push_back({product.e, product.edge, product.wide, m, mEnd, n, nEnd, isWhole});
  for (TileResults &result : results)
    if (result.wide)
      result.clearWide();
  b.loop(b.index(0), e.sizeK(), e.tile.depth, [&](Value k0) { emitDepth(m, n, k0, results); });
  for (TileResults &result : results)
    if (result.wide)
      result.flushWide();
}

void FewRowsEmitter::emit() {
  b.loop(b.index(0), e.sizeM(), tile.rows, [&](Value m) {
    b.loop(b.index(0), e.sizeN(), columns(), [&](Value n) { emitColumns(m, n); });
  });
}

bool fovea::canShareTile(RegisterTile tile) { return tile.vectors % 2 == 0; }

void fovea::emitFewRows(ArrayRef<FewRowsProduct> products, RegisterTile tile) {
  FewRowsEmitter(products, tile).emit();
}
