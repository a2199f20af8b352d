// Moves what has a place of its own out of attention's score region: constant factors into the
// scale, selections of -inf or of a large negative number into the mask.
#ifndef FOVEA_PASSES_RAISE_SIMPLIFYSCORE_H
#define FOVEA_PASSES_RAISE_SIMPLIFYSCORE_H

#include "dialect/AttnOps.h"

namespace fovea {

/// Simplifies the score region of `op`, which goes away if it ends up yielding the score. Of
/// fills only -inf becomes a mask. Values that are not used any more stay, for canonicalisation.
void simplifyScore(attn::AttentionOp op);

/// Turns a choice between the score and a finite fill into a mask with that fill (attention_s5),
/// if `op` has no mask. Leaves fills above AttentionOp::largestFill alone, and sums of the score
/// and a number that a large score would outweigh; of the lowest floats none does.
void maskByFill(attn::AttentionOp op);

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_SIMPLIFYSCORE_H
