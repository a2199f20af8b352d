// Element tests of masks that compare positions: what depends on the query becomes a threshold a
// lane, computed once for a block of keys, and the test of a key is one 32-bit comparison an atom.
#ifndef FOVEA_PASSES_MASKTESTS_H
#define FOVEA_PASSES_MASKTESTS_H

#include "passes/EmitBuilder.h"
#include "passes/MaskPredicate.h"

namespace fovea {

class MaskTests {
public:
  /// Whether the predicate of the mask region `region` is made of nothing else than inequalities
  /// `a i + b j + rest >= 0` with a small b, for blocks of `keysPerBlock` keys.
  static bool canTest(const MaskPredicate &predicate, mlir::Region &region, int64_t keysPerBlock);

  /// Emits the thresholds of queries at `positions` (vectors of index) for the keys of the block
  /// that begins at position `begin`.
  MaskTests(EmitBuilder &b, mlir::Region &region, const MaskPredicate &predicate, mlir::Value batch,
            mlir::Value head, mlir::ValueRange positions, mlir::Value begin);

  /// A vector of i1 for each of the vectors of queries: which may attend to key `key` of the block.
  llvm::SmallVector<mlir::Value> emit(mlir::Value key);

private:
  /// `jCoefficient * key + thresholds[v] >= 0`.
  struct Atom {
    int64_t jCoefficient;
    llvm::SmallVector<mlir::Value> thresholds;
  };
  void addAtoms(const MaskPredicate &part, PredicateEmitter &forms, mlir::ValueRange positions,
                mlir::Value begin);
  mlir::Value threshold(const PositionForm &form, mlir::Value rest, mlir::Value positions,
                        mlir::Value begin);
  mlir::Value combine(const MaskPredicate &part, llvm::ArrayRef<mlir::Value> tests, size_t &next);

  EmitBuilder &b;
  mlir::Region &region;
  const MaskPredicate &predicate;
  llvm::SmallVector<Atom> atoms; // in the order of a walk over the predicate
  mlir::VectorType lanesType;    // of i32
  size_t vectors;
};

} // namespace fovea

#endif // FOVEA_PASSES_MASKTESTS_H
