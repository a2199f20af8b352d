// What the emitters of contractions share: the roles of operands and loops, and access to them.
//
// Every contraction is seen as c[m, n] += sum over k of a[m, k] * b[n, k] inside outer loops,
// where n is the dim along which c is contiguous in memory, if there is one. The strides say
// the rest: b may lie as [n, k] (weights: y = x W^T) or as [k, n], or in panels already.
//
// Whatever the route, an element of c is one sum in the order of k for each block of
// ContractionTile::depth steps, and these are added to c in order: its bits depend on its row of a
// and its column of b alone.
#ifndef FOVEA_PASSES_CONTRACTION_EMITCONTRACTION_H
#define FOVEA_PASSES_CONTRACTION_EMITCONTRACTION_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "passes/contraction/PanelPacker.h"
#include "passes/contraction/QuantizedFactor.h"
#include "passes/vector/EmitBuilder.h"

namespace fovea {

/// One of the two factors.
struct Factor {
  mlir::OpOperand *operand;
  std::optional<unsigned> row; // its loop other than k and the outer ones: m of a, n of b
  bool contiguousAlongK;
  bool contiguousAlongRow;
  bool inPanels = false; // a weight that was packed: see PanelPlace.h
};

struct Contraction {
  mlir::linalg::GenericOp op;
  Factor a, b;
  mlir::OpOperand *c;
  bool contiguousResult;                    // c along n
  unsigned k;                               // the reduced loop that the emitters run
  llvm::SmallVector<unsigned> outer;        // loops around m, n and k, in the order of the op
  mlir::FloatType accumulator;              // f32 or f64
  std::optional<QuantizedFactor> quantized; // b, of which only the row loop counts then
  bool overwrites = false; // c holds nothing yet: the sums of the first block of k are its values

  bool isNarrowResult() const { return getElementTypeOrSelf(c->get()) != accumulator; }
  /// Of b, where it is not quantised.
  bool hasNarrowColumns() const { return getElementTypeOrSelf(b.operand->get()) != accumulator; }
};

/// Recognises products of floats summed over at least one loop, with at least one other loop.
/// Nothing if `op` is something else; `why` then says what.
std::optional<Contraction> matchContraction(mlir::linalg::GenericOp op, std::string &why);

/// The op before `contraction` that clears its result, where the contraction can do without: it has
/// a first block of k, in which it meets each element once.
mlir::linalg::FillOp findNeedlessFill(const Contraction &contraction);

/// Whether the op is a contraction one of whose factors is a weight in panels, quantised or not.
bool readsPanels(mlir::linalg::LinalgOp op);

/// Whether `offset` is 0 or the start of a tile of a parallel loop, and a multiple of `factor`.
bool isTileOffset(mlir::OpFoldResult offset, int64_t factor);

/// All rows of a factor in panels of as many rows as ContractionTile::many has, for every iteration
/// of the outer loops. Element 0 of the panel from row r on, of those for the depth from k0 on,
/// lies at k0 * paddedRows + r * depth.
struct PackedFactor {
  mlir::Value memref;                     // [outer dims of the factor ...][rows * k]
  llvm::SmallVector<unsigned> dims;       // of the factor, in the place of the outer dims
  llvm::SmallVector<mlir::Value> offsets; // of the op's slice, for each dim of the factor
  unsigned rowDim;                        // of the factor
  mlir::Value paddedRows;
  mlir::Value rows;                // in all, known outside of the parallel loop
  mlir::Value panelRows = nullptr; // of rows for a quantised weight: see QuantizedRows
};

class SharedRows;

/// Packs a in a parallel loop of its own in front of the outermost one around the op, so that its
/// tiles share the panels; it has no iteration for up to maxFewRows rows. Takes what is `shared`
/// already if it can. Nothing if the op's rows are not a slice of a buffer from outside at a
/// multiple of the panels, or if no other tile would use the panels.
std::optional<PackedFactor> prepackRows(const Contraction &contraction, const TargetInfo &target,
                                        SharedRows &shared);

/// One contraction being emitted, at one iteration of its outer loops.
class ContractionEmitter {
public:
  /// `packed` may be null.
  ContractionEmitter(EmitBuilder &builder, const Contraction &contraction, const TargetInfo &target,
                     llvm::ArrayRef<mlir::Value> sizes, llvm::ArrayRef<mlir::Value> outerIvs,
                     const PackedFactor *packed);

  mlir::Value sizeM() const { return rows(c.a); }
  mlir::Value sizeN() const { return rows(c.b); }
  mlir::Value sizeK() const { return sizes[c.k]; }
  /// Whether it is known that tiles of so many columns end where the columns do.
  bool hasWholeTiles(int64_t columns) const;
  mlir::VectorType vector(int64_t lanes) const {
    return mlir::VectorType::get({lanes}, c.accumulator);
  }

  FactorView view(const Factor &factor) const;
  /// Element `(row, k)` of a factor, in the accumulator's type.
  mlir::Value loadScalar(const Factor &factor, mlir::Value row, mlir::Value k) const {
    return view(factor).loadScalar(b, row, k);
  }
  /// `lanes` elements from `(row, k)` on along the dim in which the factor is contiguous.
  mlir::Value loadVector(const Factor &factor, mlir::Value row, mlir::Value k,
                         int64_t lanes) const {
    return view(factor).loadVector(b, row, k, lanes);
  }
  mlir::Value widen(mlir::Value value) { return b.convertFloat(value, c.accumulator); }
  /// `x * y + z` on vectors, in one rounding where the target can.
  mlir::Value multiplyAdd(mlir::Value x, mlir::Value y, mlir::Value z);

  /// Adds to `c[m, n]`, or to the elements from there on along n; puts the addend there if
  /// `isFirst` holds, whatever was there.
  void accumulate(mlir::Value m, mlir::Value n, mlir::Value addend, mlir::Value isFirst = nullptr);
  mlir::Value loadResult(mlir::Value m, mlir::Value n, int64_t lanes);
  void storeResult(mlir::Value m, mlir::Value n, mlir::Value value);
  /// `c[m, n]` and the elements behind it along n, along which c is contiguous.
  void prefetchResults(mlir::Value m, mlir::Value n, int64_t count);

  /// The panel of a from row `m` of the op on, at k0 ... k0 + depth - 1. Only with `packed`.
  Panel packedPanel(mlir::Value m, mlir::Value k0, mlir::Value depth) const;

  /// The first column of each panel of a tile of so many `vectors` from column `n` on; past the
  /// last panel, that one's.
  llvm::SmallVector<mlir::Value> panelColumns(mlir::Value n, int64_t vectors) const;

  /// The panel of b from row `n` of the op on, at k0 and later. Only if b is in panels.
  Panel weightPanel(mlir::Value n, mlir::Value k0) const;

  EmitBuilder &b;
  const Contraction &c;
  const TargetInfo &target;
  const PackedFactor *packed;
  const ContractionTile tile;

private:
  mlir::Value rows(const Factor &factor) const;
  llvm::SmallVector<mlir::Value> resultIndices(mlir::Value m, mlir::Value n);

  llvm::SmallVector<mlir::Value> sizes;
  llvm::SmallVector<mlir::Value> ivs; // outer loops only
  mlir::Value one;
};

/// Emits the product of panels; two siblings (SiblingProducts.h) at once.
void emitPanelProducts(llvm::MutableArrayRef<ContractionEmitter> products);

/// Static scratch memory for code at `op`: allocated at the top of the parallel loop that holds
/// it, else of the function, as docs/architecture.md has it.
mlir::Value allocateScratch(EmitBuilder &builder, mlir::Operation *op,
                            llvm::ArrayRef<int64_t> shape, mlir::Type element);

} // namespace fovea

#endif // FOVEA_PASSES_CONTRACTION_EMITCONTRACTION_H
