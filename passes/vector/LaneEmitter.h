// Emits the body of a linalg.generic for several consecutive iterations of one loop at once.
#ifndef FOVEA_PASSES_VECTOR_LANEEMITTER_H
#define FOVEA_PASSES_VECTOR_LANEEMITTER_H

#include "mlir/IR/IRMapping.h"
#include "passes/vector/EmitBuilder.h"
#include "passes/vector/RowStreams.h"
#include "passes/vector/VectorPlan.h"

namespace fovea {

class LaneEmitter {
public:
  LaneEmitter(EmitBuilder &builder, mlir::linalg::GenericOp op, const VectorPlan &plan,
              const RowStreams &streams)
      : b(builder), op(op), plan(plan), streams(streams) {}

  /// Emits everything that is the same for all lanes, for use outside the loop over lanes.
  /// `ivs` holds the induction variables of all other loops.
  void emitUniform(llvm::ArrayRef<mlir::Value> ivs);

  /// Emits iterations `[iv, iv + lanes)`: stores results that vary, and returns the new values
  /// of the reductions, given their old ones.
  llvm::SmallVector<mlir::Value> emitLanes(mlir::Value iv, int64_t lanes,
                                           mlir::ValueRange accumulators);

  /// Whether lanes that lie across lines of memory can be read by whole vectors along the loop
  /// `line`, of which as many are transposed as there are lanes: the body is short, for it is
  /// emitted for each element of these vectors.
  bool readsSquares(unsigned line);

  /// How many elements these vectors have.
  int64_t squareColumns() const;

  /// How many elements of a line of memory lie along the loop `line`.
  int64_t lineElements(unsigned line);

  /// Asks for the lines of a square: between those of one row lie those of others, and nothing else
  /// foresees lines of such distance.
  void prefetchSquares(llvm::ArrayRef<mlir::Value> ivs, unsigned line, mlir::Value iv);

  /// The same as emitUniform and emitLanes for squareColumns() iterations of the loop `line`, from
  /// `ivs[line]` on.
  void emitSquare(llvm::SmallVector<mlir::Value> ivs, unsigned line, mlir::Value iv);

  /// The type of `count` partial results of reduction `index`; at least f32 for floats.
  mlir::VectorType accumulatorType(int64_t index, int64_t lanes);

  /// Combines two partial results of reduction `index`, the older one first. A maximum that leaves
  /// out what is no number has older results that are numbers.
  mlir::Value combine(int64_t index, mlir::Value lhs, mlir::Value rhs);

  /// Combines a reduction's total, a vector of one lane, into its place in memory.
  void storeTotal(int64_t index, mlir::Value total);

  /// The sum so far of a plan that runs along one, which emitLanes takes and returns.
  mlir::Value loadRunning();
  void storeRunning(mlir::Value sum);

private:
  bool isAcross(mlir::OpOperand &operand, unsigned line);
  llvm::SmallVector<mlir::Value> loadSquare(mlir::OpOperand &operand, mlir::Value iv);
  mlir::Value loadLanes(mlir::OpOperand &operand, mlir::Value iv, int64_t lanes);
  mlir::Value loadStrided(mlir::OpOperand &operand, mlir::Value iv, int64_t lanes, int64_t stride);
  void storeLanes(mlir::OpOperand &operand, mlir::Value iv, mlir::Value value);
  void storePastCaches(mlir::OpOperand &operand, mlir::Value iv, mlir::Value value);
  void emitPrefetches(mlir::Value iv, int64_t lanes);
  llvm::SmallVector<mlir::Value> indicesAt(mlir::OpOperand &operand, mlir::Value iv);
  mlir::Value onLanes(mlir::Value value, int64_t lanes);
  mlir::Value emitRunningSum(mlir::Value before, int64_t lanes);
  void emitOperation(mlir::Operation &inner, mlir::Value iv, int64_t lanes);
  mlir::Value emitIndex(mlir::linalg::IndexOp index, mlir::Value iv, int64_t lanes);
  mlir::Value emitLoad(mlir::memref::LoadOp load, int64_t lanes);
  /// The index of lane 0, if the lanes of this index are consecutive.
  mlir::Value firstOfConsecutive(mlir::Value index, mlir::Value iv);
  mlir::Value emitContiguousLoad(mlir::Value memref, mlir::ValueRange indices, int64_t lanes);

  EmitBuilder &b;
  mlir::linalg::GenericOp op;
  const VectorPlan &plan;
  const RowStreams &streams;
  llvm::SmallVector<mlir::Value> ivs;
  mlir::IRMapping uniform; // body values to scalars
  mlir::IRMapping lane;    // body values to vectors, of the lanes being emitted
  // Lanes of operands that are read already.
  llvm::SmallDenseMap<mlir::OpOperand *, mlir::Value> loaded;
  mlir::Value laneIv; // first iteration of the lanes being emitted
};

} // namespace fovea

#endif // FOVEA_PASSES_VECTOR_LANEEMITTER_H
