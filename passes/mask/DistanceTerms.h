// Terms of a score that depend on the positions of query and key through their difference alone, as
// relative biases do.
#ifndef FOVEA_PASSES_MASK_DISTANCETERMS_H
#define FOVEA_PASSES_MASK_DISTANCETERMS_H

#include "mlir/IR/Region.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include <optional>

namespace fovea {

/// Terms of a region with the arguments b, h, i, j, behind others such as a score. A term may read
/// memory; beside j - i it depends on b and h and on values from outside alone.
class DistanceTerms {
public:
  explicit DistanceTerms(mlir::Region &region);

  /// The terms that are in no larger one, in the order in which they are computed. Those of one bit
  /// are none.
  llvm::ArrayRef<mlir::Value> get() const { return terms; }

  /// Whether reading a term from memory, neighbours at a time, takes less than computing it: it
  /// reads a table, calls a transcendental function or divides, or takes many operations. ALiBi's
  /// slope * (i - j) is none of these.
  bool isCostly(mlir::Value term) const;

private:
  /// By how much a value grows if both positions grow by one, and whether it depends on them; none
  /// if it grows by no constant or follows from a score.
  struct Growth {
    int64_t step;
    bool varies;
  };
  std::optional<Growth> growthOf(mlir::Value value) const;
  std::optional<Growth> growthOf(mlir::Operation &op) const;
  bool isTerm(mlir::Value value) const;
  void collect(mlir::Value value, llvm::DenseSet<mlir::Value> &seen);
  int64_t costOf(mlir::Operation &op) const;

  mlir::Region &region;
  llvm::DenseMap<mlir::Value, Growth> growths; // of arguments and results
  llvm::SmallVector<mlir::Value> terms;
};

} // namespace fovea

#endif // FOVEA_PASSES_MASK_DISTANCETERMS_H
