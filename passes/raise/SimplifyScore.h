// Moves what has a place of its own out of attention's score region: constant factors into the
// scale, selections of -inf into the mask.
#ifndef FOVEA_PASSES_RAISE_SIMPLIFYSCORE_H
#define FOVEA_PASSES_RAISE_SIMPLIFYSCORE_H

#include "dialect/AttnOps.h"

namespace fovea {

/// Simplifies the score region of `op`, which goes away if it ends up yielding the score. Only
/// fills of -inf become masks: with a finite fill a row that is masked everywhere has uniform
/// weights (attention_s5). Values that are not used any more stay, for canonicalisation.
void simplifyScore(attn::AttentionOp op);

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_SIMPLIFYSCORE_H
