// What rows of a group of heads have gathered from keys, in the kernel for few queries: as
// EmitAttentionState.cpp has it, but with columns of values along lanes.
#ifndef FOVEA_PASSES_ATTENTION_DECODESTATES_H
#define FOVEA_PASSES_ATTENTION_DECODESTATES_H

#include "dialect/AttnOps.h"
#include "passes/attention/AttentionTile.h"
#include "passes/vector/EmitBuilder.h"

namespace fovea {

struct DecodeState {
  mlir::Value outputs, maxima, sums; // [rows][Dv], [rows], [rows]
};

/// Emits the operations on a row of such states of `op`. `columns` is Dv, a multiple of
/// `tile.lanes`.
class DecodeStates {
public:
  DecodeStates(EmitBuilder &b, attn::AttentionOp op, const AttentionTile &tile, mlir::Value columns)
      : b(b), op(op), tile(tile), scoreType(op.getScoreType()),
        vectorType(mlir::VectorType::get({tile.lanes}, scoreType)), columns(columns) {}

  /// No keys.
  void clear(const DecodeState &state, mlir::Value row);
  /// Adds the keys of `part` to those of `total`, which come before them.
  void merge(const DecodeState &total, const DecodeState &part, mlir::Value row);
  /// Stores a row's attention in row `query` of `output` ([queries, Dv]).
  void storeOutput(const DecodeState &state, mlir::Value row, mlir::Value output,
                   mlir::Value query);
  /// The row's log-sum-exp.
  mlir::Value emitLse(const DecodeState &state, mlir::Value row);

  /// 2^(x - maximum).
  mlir::Value exponential(mlir::Value x, mlir::Value maximum);

private:
  mlir::Value load(mlir::Value memref, mlir::ValueRange at);
  mlir::Value mergeValues(mlir::Value whole, mlir::Value factor, mlir::Value part,
                          mlir::Value partFactor);

  EmitBuilder &b;
  attn::AttentionOp op;
  const AttentionTile tile;
  mlir::FloatType scoreType;
  mlir::VectorType vectorType;
  mlir::Value columns;
};

/// The state at `indices` of buffers of states.
DecodeState viewOf(EmitBuilder &b, const DecodeState &states, mlir::ValueRange indices);
/// Buffers of states, each of `rows` rows.
DecodeState allocateStates(EmitBuilder &b, llvm::ArrayRef<mlir::OpFoldResult> shape,
                           mlir::OpFoldResult rows, mlir::OpFoldResult columns,
                           mlir::FloatType scoreType);

} // namespace fovea

#endif // FOVEA_PASSES_ATTENTION_DECODESTATES_H
