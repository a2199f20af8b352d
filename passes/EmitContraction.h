// What the emitters of contractions share: the roles of operands and loops, and access to them.
//
// Every contraction is seen as c[m, n] += sum over k of a[m, k] * b[n, k] inside outer loops,
// where n is the dim along which c is contiguous in memory, if there is one. The strides say
// the rest: b may lie as [n, k] (weights: y = x W^T) or as [k, n].
#ifndef FOVEA_PASSES_EMITCONTRACTION_H
#define FOVEA_PASSES_EMITCONTRACTION_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "passes/EmitBuilder.h"
#include "passes/TargetInfo.h"

namespace fovea {

/// One of the two factors.
struct Factor {
  mlir::OpOperand *operand;
  std::optional<unsigned> row; // its loop other than k and the outer ones: m of a, n of b
  bool contiguousAlongK;
  bool contiguousAlongRow;
};

struct Contraction {
  mlir::linalg::GenericOp op;
  Factor a, b;
  mlir::OpOperand *c;
  bool contiguousResult;             // c along n
  unsigned k;                        // the reduced loop that the emitters run
  llvm::SmallVector<unsigned> outer; // loops around m, n and k, in the order of the op
  mlir::FloatType accumulator;       // f32 or f64

  bool isNarrowResult() const { return getElementTypeOrSelf(c->get()) != accumulator; }
};

/// Recognises products of floats summed over at least one loop, with at least one other loop.
/// Nothing if `op` is something else; `why` then says what.
std::optional<Contraction> matchContraction(mlir::linalg::GenericOp op, std::string &why);

/// One contraction being emitted, at one iteration of its outer loops.
class ContractionEmitter {
public:
  ContractionEmitter(EmitBuilder &builder, const Contraction &contraction, const TargetInfo &target,
                     llvm::ArrayRef<mlir::Value> sizes, llvm::ArrayRef<mlir::Value> outerIvs);

  mlir::Value sizeM() const { return rows(c.a); }
  mlir::Value sizeN() const { return rows(c.b); }
  mlir::Value sizeK() const { return sizes[c.k]; }
  int64_t lanes() const { return target.lanes(c.accumulator.getIntOrFloatBitWidth()); }
  mlir::VectorType vector(int64_t lanes) const {
    return mlir::VectorType::get({lanes}, c.accumulator);
  }

  /// Element `(row, k)` of a factor, in the accumulator's type.
  mlir::Value loadScalar(const Factor &factor, mlir::Value row, mlir::Value k);
  /// `lanes` elements from `(row, k)` on along the dim in which the factor is contiguous.
  mlir::Value loadVector(const Factor &factor, mlir::Value row, mlir::Value k, int64_t lanes);
  /// The same before widening.
  mlir::Value loadNarrow(const Factor &factor, mlir::Value row, mlir::Value k, int64_t lanes);
  mlir::Value widen(mlir::Value value);
  /// `x * y + z` on vectors, in one rounding where the target can.
  mlir::Value multiplyAdd(mlir::Value x, mlir::Value y, mlir::Value z);

  /// Adds to `c[m, n]`, or to the elements from there on along n.
  void accumulate(mlir::Value m, mlir::Value n, mlir::Value addend);
  mlir::Value loadResult(mlir::Value m, mlir::Value n, int64_t lanes);
  void storeResult(mlir::Value m, mlir::Value n, mlir::Value value);

  /// Register-tiled product of packed panels, for any sizes and layouts.
  void emitPacked();

  /// For few rows of a: reads b once, in the order in which it lies, and packs nothing. The
  /// number of rows is a constant here. `canEmitRows` says whether the layouts allow it.
  bool canEmitRows() const;
  void emitRows(int64_t rows);

  EmitBuilder &b;
  const Contraction &c;
  const TargetInfo &target;

private:
  mlir::Value rows(const Factor &factor) const;
  llvm::SmallVector<mlir::Value> indices(mlir::OpOperand &operand, mlir::Value m, mlir::Value n,
                                         mlir::Value k);
  llvm::SmallVector<mlir::Value> factorIndices(const Factor &factor, mlir::Value row,
                                               mlir::Value k);
  void emitDotRows(int64_t rows);
  void emitAxpyRows(int64_t rows);

  llvm::SmallVector<mlir::Value> sizes;
  llvm::SmallVector<mlir::Value> ivs; // outer loops only
  mlir::Value one;
};

/// Static scratch memory for code at `op`: allocated at the top of the parallel loop that holds
/// it, else of the function, as docs/architecture.md has it.
mlir::Value allocateScratch(EmitBuilder &builder, mlir::Operation *op,
                            llvm::ArrayRef<int64_t> shape, mlir::Type element);

} // namespace fovea

#endif // FOVEA_PASSES_EMITCONTRACTION_H
