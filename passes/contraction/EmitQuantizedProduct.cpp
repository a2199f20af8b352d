// Rows of 16 bits times weights of 8 or 4, which are widened to 16 in registers: pairs of
// neighbours along k are multiplied and added by one instruction. The sum of a group is an exact
// integer; times both scales it is added to the element's sum in f32, group by group in the order
// of k. So the bits of an element depend on its row and its column alone, whatever tile computes
// it.
#include "passes/contraction/EmitQuantizedProduct.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/contraction/EmitFewRows.h"
#include "passes/contraction/QuantizedRows.h"
#include "llvm/ADT/Sequence.h"

using namespace mlir;
using namespace fovea;
using attn::WeightFormat;

namespace {
/// A panel of one of the weights.
struct WeightPanel {
  QuantizedFactor factor;
  PanelPlace place;

  Value load(EmitBuilder &b, VectorType type, Value group, Value step) const {
    Value at[] = {place.stream, place.place, group, step, b.index(0)};
    return vector::LoadOp::create(b, type, factor.values, at);
  }
  Value loadScales(EmitBuilder &b, VectorType type, Value group) const {
    Value at[] = {place.stream, place.place, group, b.index(0)};
    return vector::LoadOp::create(b, type, factor.scales, at);
  }
};

/// A group of some rows, from `row` on, and of some panels.
struct GroupPlace {
  Value row;
  ArrayRef<WeightPanel> panels;
  Value group;
};

/// Of the bytes of q4: 0 are the low ones, 1 the high ones. Values of q8 are all in 0.
struct Halves {
  int64_t begin, end;
};

/// A form of the product, or of two siblings: with one tile, of rows that are quantised already.
class QuantizedProductEmitter {
public:
  QuantizedProductEmitter(MutableArrayRef<ContractionEmitter> products, QuantizedTile tile,
                          const QuantizedRows &rows, Value firstRow, Value sums, Value edge)
      : products(products), e(products.front()), b(e.b), format(e.c.quantized->format), tile(tile),
        rows(rows), firstRow(firstRow), sums(sums), edge(edge), layout(layoutOf(e)) {}

  /// Rows mBegin ... mEnd - 1 of the op, of which the first is row `firstRow` of those quantised.
  void emit(Value mBegin, Value mEnd);

  static QuantizedRowLayout layoutOf(ContractionEmitter &e) {
    auto type = cast<MemRefType>(e.c.quantized->values.getType());
    return {type.getDimSize(2), e.c.quantized->format};
  }

private:
  int64_t count() const { return tile.rows * tile.vectors; }
  /// Of each product.
  int64_t vectors() const { return tile.vectors / static_cast<int64_t>(products.size()); }
  SmallVector<WeightPanel> panelsAt(Value n);
  SmallVector<Value> multiplyAll(Value row, ArrayRef<WeightPanel> panels);
  void prefetchAhead(ArrayRef<WeightPanel> panels, Value group);
  SmallVector<Value> multiplyGroup(const GroupPlace &at);
  SmallVector<Value> multiplySteps(const GroupPlace &at, Halves halves, ValueRange sums);
  void multiplyStep(const GroupPlace &at, Value step, Halves halves, MutableArrayRef<Value> sums,
                    int64_t &products);
  Value widen(Value bytes, int64_t half);
  Value addPairs(Value weights, Value pair, Value sum);
  Value addScaled(Value integers, Value scales, Value rowScale, Value sum);

  MutableArrayRef<ContractionEmitter> products;
  ContractionEmitter &e; // the first; rows and loops are those of all
  EmitBuilder &b;
  WeightFormat format;
  QuantizedTile tile;
  const QuantizedRows &rows;
  Value firstRow, sums, edge;
  QuantizedRowLayout layout;
};
} // namespace

//===------------------------------------------------------------------------------------------===//
// One group
//===------------------------------------------------------------------------------------------===//

/// Two bytes a lane as 16 bits each; of q4, their low or their high halves.
Value QuantizedProductEmitter::widen(Value bytes, int64_t half) {
  auto type = VectorType::get(cast<VectorType>(bytes.getType()).getShape(), b.getI16Type());
  if (format == WeightFormat::Q8)
    return arith::ExtSIOp::create(b, type, bytes);
  Value both = arith::ExtUIOp::create(b, type, bytes);
  if (half == 0)
    return arith::AndIOp::create(b, both, b.constant(type, 15));
  return arith::ShRUIOp::create(b, both, b.constant(type, 4));
}

/// `sum + w[2 l] * x[0] + w[2 l + 1] * x[1]` in every lane l, x being the halves of `pair`.
Value QuantizedProductEmitter::addPairs(Value weights, Value pair, Value sum) {
  auto words = cast<VectorType>(sum.getType());
  if (!e.target.pairProduct.empty()) {
    Value x = vector::BitCastOp::create(b, weights.getType(), b.splat(words, pair));
    Value products = LLVM::CallIntrinsicOp::create(b, words, b.getStringAttr(e.target.pairProduct),
                                                   ValueRange{x, weights})
                         .getResults();
    return arith::AddIOp::create(b, sum, products);
  }
  int64_t lanes = words.getNumElements();
  Type i32 = b.getI32Type();
  Value sixteen = b.constant(i32, 16);
  Value high = arith::ShRSIOp::create(b, pair, sixteen);
  Value low = arith::ShRSIOp::create(b, arith::ShLIOp::create(b, pair, sixteen), sixteen);
  for (auto [first, x] : {std::pair(0, low), std::pair(1, high)}) {
    SmallVector<int64_t> every;
    for (int64_t lane = 0; lane < lanes; ++lane)
      every.push_back(2 * lane + first);
    Value half = vector::ShuffleOp::create(b, weights, weights, every);
    Value wide = arith::ExtSIOp::create(b, words, half);
    sum = arith::AddIOp::create(b, sum, arith::MulIOp::create(b, wide, b.splat(words, x)));
  }
  return sum;
}

/// The products of one vector of each panel, whose weights stay in registers while rows come.
void QuantizedProductEmitter::multiplyStep(const GroupPlace &at, Value step, Halves halves,
                                           MutableArrayRef<Value> sums, int64_t &products) {
  auto type = VectorType::get({2 * e.tile.lanes}, b.getI8Type());
  auto addProduct = [&](Value weights, int64_t half, int64_t r, int64_t v) {
    // The high halves are those of the group's second half.
    Value place = b.add(step, b.index(half * QuantizedRowLayout::pairs / 2));
    Value pair = rows.load(b, layout, at.row, at.group, place, tile.rows, r);
    Value &sum = sums[products % tile.chains * count() + r * tile.vectors + v];
    sum = addPairs(weights, pair, sum);
  };
  SmallVector<Value> bytes;
  for (const WeightPanel &panel : at.panels)
    bytes.push_back(panel.load(b, type, at.group, step));
  for (int64_t half = halves.begin; half < halves.end; ++half, ++products) {
    SmallVector<Value> weights;
    for (Value vector : bytes)
      weights.push_back(widen(vector, half));
    for (int64_t r = 0; r < tile.rows; ++r)
      for (int64_t v = 0; v < tile.vectors; ++v)
        addProduct(weights[v], half, r, v);
  }
}

/// Adds the products of all steps.
SmallVector<Value> QuantizedProductEmitter::multiplySteps(const GroupPlace &at, Halves halves,
                                                          ValueRange sums) {
  int64_t steps = cast<MemRefType>(e.c.quantized->values.getType()).getDimSize(3);
  return b.loop(b.index(0), b.index(steps), tile.unroll, sums, [&](Value step, ValueRange carried) {
    SmallVector<Value> next(carried);
    int64_t products = 0;
    for (int64_t i = 0; i < tile.unroll; ++i)
      multiplyStep(at, b.add(step, b.index(i)), halves, next, products);
    return next;
  });
}

/// The sums of the group's products, as integers.
SmallVector<Value> QuantizedProductEmitter::multiplyGroup(const GroupPlace &at) {
  auto words = VectorType::get({e.tile.lanes}, b.getI32Type());
  bool isQ4 = format == WeightFormat::Q4;
  SmallVector<Value> sums;
  for (int64_t r = 0; r < tile.rows; ++r) {
    Value start = b.constant(words, 0);
    if (isQ4)
      start = b.splat(words, rows.load(b, layout, at.row, at.group,
                                       b.index(QuantizedRowLayout::sum), tile.rows, r));
    sums.append(tile.vectors, start);
  }
  sums.append((tile.chains - 1) * count(), b.constant(words, 0));
  if (tile.halvesApart)
    sums = multiplySteps(at, {1, 2}, multiplySteps(at, {0, 1}, sums));
  else
    sums = multiplySteps(at, {0, isQ4 ? 2 : 1}, sums);
  for (int64_t left = tile.chains / 2 * count(); left >= count(); left /= 2)
    for (int64_t i = 0; i < left; ++i)
      sums[i] = arith::AddIOp::create(b, sums[i], sums[left + i]);
  sums.truncate(count());
  return sums;
}

Value QuantizedProductEmitter::addScaled(Value integers, Value scales, Value rowScale, Value sum) {
  VectorType type = e.vector(e.tile.lanes);
  Value scale = arith::MulFOp::create(b, scales, b.splat(type, rowScale));
  return e.multiplyAdd(arith::SIToFPOp::create(b, type, integers), scale, sum);
}

//===------------------------------------------------------------------------------------------===//
// All groups
//===------------------------------------------------------------------------------------------===//

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

/// The sums of all groups, in registers or, if these do not suffice, in memory in between.
SmallVector<Value> QuantizedProductEmitter::multiplyAll(Value row, ArrayRef<WeightPanel> panels) {
  VectorType type = e.vector(e.tile.lanes);
  auto narrow = VectorType::get({e.tile.lanes}, b.getBF16Type());
  Value zero = b.constant(type, 0);
  auto place = [&](int64_t i) { return b.index(i * e.tile.lanes); };
  auto addGroup = [&](Value group, function_ref<void(int64_t, function_ref<Value(Value)>)> update) {
    if (tile.rows > maxFewRows)
      prefetchAhead(panels, group);
    SmallVector<Value> integers = multiplyGroup({row, panels, group}), scales;
    for (const WeightPanel &panel : panels)
      scales.push_back(e.widen(panel.loadScales(b, narrow, group)));
    for (int64_t r = 0; r < tile.rows; ++r) {
      Value bits =
          rows.load(b, layout, row, group, b.index(QuantizedRowLayout::scale), tile.rows, r);
      Value rowScale = arith::BitcastOp::create(b, b.getF32Type(), bits);
      for (int64_t v = 0; v < tile.vectors; ++v) {
        int64_t i = r * tile.vectors + v;
        update(i, [&](Value sum) { return addScaled(integers[i], scales[v], rowScale, sum); });
      }
    }
  };
  Value groups = b.index(layout.groups);
  if (tile.inRegisters)
    return b.loop(b.index(0), groups, 1, SmallVector<Value>(count(), zero),
                  [&](Value group, ValueRange carried) {
                    SmallVector<Value> next(carried);
                    addGroup(group, [&](int64_t i, auto add) { next[i] = add(next[i]); });
                    return next;
                  });
  for (int64_t i = 0; i < count(); ++i)
    vector::StoreOp::create(b, zero, sums, place(i));
  b.loop(b.index(0), groups, 1, [&](Value group) {
    addGroup(group, [&](int64_t i, auto add) {
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
  QuantizedRowLayout layout = QuantizedProductEmitter::layoutOf(e);
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
