// The keys of a few queries, split over threads: the parallel loop around an attention gets one
// more dim, that of the segments of its keys (AttentionTile), and a second loop brings their states
// together.
#ifndef FOVEA_PASSES_ATTENTION_SPLITKEYS_H
#define FOVEA_PASSES_ATTENTION_SPLITKEYS_H

#include "dialect/AttnOps.h"
#include "passes/attention/DecodeStates.h"

namespace fovea {

class SplitKeys {
public:
  /// Extends the outermost loop around `op` by segments if `op` has at most `fewRows` queries,
  /// which may be known at run time only; an op in no loop gets one. Nothing if the op is not
  /// directly in its only loop, has several batches or groups of heads, or its sizes are not known
  /// outside.
  static std::optional<SplitKeys> create(attn::AttentionOp op, const AttentionTile &tile,
                                         int64_t fewRows);

  /// i1, in front of the loop: there are at most `fewRows` queries.
  mlir::Value getIsFew() const { return isFew; }
  /// Inside of the loop: the segment's number, its state, and the one that comes before all keys.
  mlir::Value getSegment() const { return segment; }
  DecodeState partOf(EmitBuilder &b) const;
  DecodeState firstOf(EmitBuilder &b) const;
  /// i1: the only segment is all there is, and its state the whole.
  mlir::Value isWhole(EmitBuilder &b) const;

  /// Emits the second loop, behind the first.
  void emitMerge(attn::AttentionOp op);

private:
  explicit SplitKeys(const AttentionTile &tile) : tile(tile) {}
  /// `old` is null if the op is in no loop.
  void extend(EmitBuilder &b, attn::AttentionOp op, mlir::scf::ForallOp old, mlir::Value keys);
  void allocate(EmitBuilder &b, attn::AttentionOp op);

  AttentionTile tile;
  bool hasSink = false;
  mlir::scf::ForallOp loop;
  mlir::Value rows, isFew, count; // in front of the loop: queries, whether few, segments
  mlir::Value task, segment;      // in the loop
  DecodeState states;             // [tasks][segments + 1][rows of the group]
};

} // namespace fovea

#endif // FOVEA_PASSES_ATTENTION_SPLITKEYS_H
