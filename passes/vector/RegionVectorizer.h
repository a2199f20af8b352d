// Emits a scalar region for several lanes at once.
#ifndef FOVEA_PASSES_VECTOR_REGIONVECTORIZER_H
#define FOVEA_PASSES_VECTOR_REGIONVECTORIZER_H

#include "mlir/IR/IRMapping.h"
#include "passes/vector/EmitBuilder.h"
#include <optional>

namespace fovea {

/// A region of one block and no side effects, in two parts: what follows from the arguments that
/// are known when the object is made is emitted then, the rest where the others are given. An
/// argument is either of the block argument's type, the same for all lanes, or a vector of
/// `lanes` of them. What depends on no vector stays scalar; elementwise ops become vector ops,
/// reads of memory contiguous loads or gathers; any other op is cloned once a lane.
class LaneRegion {
public:
  /// `known` has a value for each argument of the block, null for those to come.
  LaneRegion(EmitBuilder &b, mlir::Region &region, mlir::ValueRange known, int64_t lanes);

  /// From now on emit() is given the result of `op` too, after the arguments and what was given
  /// before; `op` follows from no known arguments.
  void takeResultOf(mlir::Operation *op);

  /// Emits the rest with values for the other arguments, in their order. Returns the value that
  /// the region yields, as a vector of `lanes`.
  mlir::Value emit(mlir::ValueRange others);

  /// What `value` of the region, which follows from the known arguments, became, as a vector.
  mlir::Value get(mlir::Value value) { return onLanes(value); }

private:
  bool isKnown(mlir::Operation &op);
  void map(mlir::Value from, mlir::Value to);
  void clone(mlir::Operation &op);
  void cloneLoad(mlir::Operation &op);
  void cloneElementwise(mlir::Operation &op);
  void cloneEachLane(mlir::Operation &op);
  /// What `value` of the region became, as a vector.
  mlir::Value onLanes(mlir::Value value);
  mlir::VectorType vectorOf(mlir::Type element) { return mlir::VectorType::get({lanes}, element); }

  EmitBuilder &b;
  mlir::Region &region;
  int64_t lanes;
  llvm::SmallVector<mlir::Value> unknown; // arguments, and results that are given
  llvm::SmallVector<mlir::Operation *> rest;
  mlir::IRMapping uniform; // to scalars
  mlir::IRMapping varying; // to vectors
};

/// Both parts at once.
mlir::Value cloneOnLanes(EmitBuilder &b, mlir::Region &region, mlir::ValueRange arguments,
                         int64_t lanes);

/// The first op of the region that would be cloned once a lane if its arguments `varying` are
/// vectors; null if all of it runs on vectors.
mlir::Operation *findScalarOp(mlir::Region &region, llvm::ArrayRef<unsigned> varying);

} // namespace fovea

#endif // FOVEA_PASSES_VECTOR_REGIONVECTORIZER_H
