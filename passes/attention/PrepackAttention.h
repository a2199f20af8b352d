// Keys and values packed once for all blocks of queries, in a parallel loop of its own in front
// of the one that attention is in.
#ifndef FOVEA_PASSES_ATTENTION_PREPACKATTENTION_H
#define FOVEA_PASSES_ATTENTION_PREPACKATTENTION_H

#include "dialect/AttnOps.h"
#include "passes/attention/AttentionTile.h"
#include "passes/attention/MaskSummary.h"
#include "passes/vector/EmitBuilder.h"

namespace fovea {

/// All keys and values of an attention, packed by blocks of keys as AttentionPacker does:
/// [batch][key head][block][block / t][D][t] and [batch][key head][block][Dv / t][block][t]. None
/// of those that are taken in place.
struct PrepackedOperands {
  mlir::Value keys, values;
  mlir::Value batch, head; // where the op's first batch and key head are in them
};

/// Emits the loop in front of the outermost parallel loop around `op`. At run time it packs nothing
/// unless a head has more than `fewRows` queries. Nothing is emitted if the op is in no such loop,
/// or if its mask is a window: few blocks of queries then see a key, and memory would grow with the
/// sequence.
/// Blocks of keys that the mask hides from all queries, such as those that a cache has no tokens
/// for yet, are not packed.
std::optional<PrepackedOperands> prepackOperands(attn::AttentionOp op, const AttentionTile &tile,
                                                 MaskSummary &summary, int64_t fewRows);

/// The number of queries of a head, as it is outside of the outermost parallel loop around `op`;
/// null if it is not known there.
mlir::Value totalRows(EmitBuilder &b, attn::AttentionOp op);
/// The number of keys of a head outside of that loop; null if the op has not all of them.
mlir::Value totalKeys(EmitBuilder &b, attn::AttentionOp op);

} // namespace fovea

#endif // FOVEA_PASSES_ATTENTION_PREPACKATTENTION_H
