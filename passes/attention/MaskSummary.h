// Run-time summaries of the data that a mask reads: document ids, lengths of segments, dense masks.
// Before the loops of an attention its smallest and largest value over each block of positions is
// stored, once a run and not once a head where it does not depend on the head. Kernels then skip
// and simplify blocks by the bounds of MaskBlocks.
#ifndef FOVEA_PASSES_ATTENTION_MASKSUMMARY_H
#define FOVEA_PASSES_ATTENTION_MASKSUMMARY_H

#include "dialect/AttnOps.h"
#include "passes/attention/MaskBounds.h"
#include "passes/attention/Preheader.h"

namespace fovea {

class MaskSummary {
public:
  /// What is summarised of the mask of `op`: data that can be read before the op's outermost
  /// parallel loop.
  explicit MaskSummary(attn::AttentionOp op);

  bool has(const MaskBlocks::Data &data) const;

  /// Emits the tables and the loops that fill them in front of the op's outermost parallel loop,
  /// for blocks of `queriesPerBlock` and `keysPerBlock` positions.
  void emit(int64_t queriesPerBlock, int64_t keysPerBlock);

  /// Emits the bounds of `data`, which is summarised, over a block: a pair of index values.
  std::pair<mlir::Value, mlir::Value> emitBounds(EmitBuilder &b, const MaskBlocks::Data &data,
                                                 const EmittedBlock &block) const;

  /// Emits, in front of the op's outermost parallel loop, what `emitEndOfKeys` needs; false if the
  /// mask bounds no keys for all heads at once.
  bool prepareEndOfKeys(EmitBuilder &b);
  /// Behind that, but still in front of the loop: the end of the keys that some query of batch
  /// element `batch` may see. `offset` is where the op's batch begins. Null if the mask does not
  /// say.
  mlir::Value emitEndOfKeys(EmitBuilder &b, mlir::Value batch, mlir::Value offset) const;

private:
  struct Table {
    mlir::Value data;
    bool ofQuery, ofKey;
    llvm::SetVector<mlir::Value> variables;
    std::vector<Preheader::Axis> axes; // of the variables
    mlir::Value bounds;                // memref of i64: [axes..., query blocks, key blocks, 2]
  };
  std::optional<Table> plan(const MaskBlocks::Data &data);
  bool findPositions(EmitBuilder &b);
  bool mapCaptured(EmitBuilder &b, mlir::IRMapping &mapping, mlir::Value batch,
                   mlir::Value offset) const;
  void fill(EmitBuilder &b, Table &table);

  attn::AttentionOp op;
  Preheader preheader;
  std::vector<Table> tables;
  Preheader::Positions positions; // before the loop
  int64_t queriesPerBlock = 1, keysPerBlock = 1;
};

} // namespace fovea

#endif // FOVEA_PASSES_ATTENTION_MASKSUMMARY_H
