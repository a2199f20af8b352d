// Element tests of masks. What depends on the query alone is computed once for a block of keys, a
// lane each; what depends on the key alone is a scalar. Of a comparison of positions there remains
// a 32-bit comparison a key and vector, and another for each floor division of both positions.
#ifndef FOVEA_PASSES_MASK_MASKTESTS_H
#define FOVEA_PASSES_MASK_MASKTESTS_H

#include "passes/mask/MaskPredicate.h"
#include "passes/vector/EmitBuilder.h"
#include "passes/vector/RegionVectorizer.h"

namespace fovea {

class MaskTests {
public:
  /// Whether the test of a key of the mask region `region` is a few instructions, for blocks of
  /// `keysPerBlock` keys: nothing is read by both positions, and what is divided is the sum of a
  /// part of each. Only such masks have tests.
  static bool areCheap(const MaskPredicate &predicate, mlir::Region &region, int64_t keysPerBlock);

  /// Emits what depends on the queries at `positions` (vectors of index), for the keys of the
  /// block of positions [begin, end), at most `keysPerBlock` of them.
  MaskTests(EmitBuilder &b, mlir::Region &region, const MaskPredicate &predicate, mlir::Value batch,
            mlir::Value head, mlir::ValueRange positions, mlir::Value begin, mlir::Value end,
            int64_t keysPerBlock);

  /// A vector of i1 for each of the vectors of queries: which may attend to key `key` of the block.
  /// At places behind the block's last key, of which nothing is read, any.
  llvm::SmallVector<mlir::Value> emit(mlir::Value key);

private:
  using Vectors = llvm::SmallVector<mlir::Value>;
  /// coefficient * floor((query + key) / divisor), of which the quotients are in the atom's other
  /// parts: what remains is 1 where the remainders reach the divisor together.
  struct Carry {
    int64_t coefficient, divisor;
    LinearForm key;
    Vectors remainders;   // of the queries
    mlir::Value quotient; // of the block's first key
  };
  /// query + key + carries >= 0, or a boolean.
  struct Atom {
    enum class Kind {
      Narrow,  ///< in 32 bits, keys counted from the block's first
      Wide,    ///< in 64 bits: the key's part is data
      OfQuery, ///< known for each query
      OfKey    ///< known for each key
    } kind;
    const MaskPredicate *test;
    LinearForm key;
    mlir::Value keyAtBegin;
    Vectors query;
    std::vector<Carry> carries;
  };
  void addAtoms(const MaskPredicate &part);
  Atom prepare(const MaskPredicate &atom);
  void prepareNarrow(Atom &atom);
  Vectors emitAtom(const Atom &atom, mlir::Value key, PredicateEmitter &keyForms);
  Vectors emitNarrow(const Atom &atom, mlir::Value key, PredicateEmitter &keyForms);
  mlir::Value combine(const MaskPredicate &part, llvm::ArrayRef<mlir::Value> tests, size_t &next);

  Vectors eachVector(llvm::function_ref<mlir::Value(size_t)> make);
  /// A form, or a boolean, of one vector of queries.
  mlir::Value onLanes(const LinearForm &form, size_t vector);
  mlir::Value testOnLanes(const MaskPredicate &atom, size_t vector);
  mlir::Value narrow(mlir::Value index);

  EmitBuilder &b;
  mlir::Region &region;
  const MaskPredicate &predicate;
  mlir::Value batch, head, begin;
  Vectors positions;
  std::vector<LaneRegion> queries; // what follows from each vector of them
  int64_t keysPerBlock;
  std::vector<Atom> atoms; // in the order of a walk over the predicate
  mlir::Value last;        // the block's last key; null if no data of keys is read
};

} // namespace fovea

#endif // FOVEA_PASSES_MASK_MASKTESTS_H
