// Heads of keys and values that a graph repeats are shared by attention without being stored.
#ifndef FOVEA_PASSES_RAISE_FOLDREPEATEDHEADS_H
#define FOVEA_PASSES_RAISE_FOLDREPEATEDHEADS_H

#include "dialect/AttnOps.h"

namespace fovea {

/// Reads keys and values from before the repetition of their heads, if both are repeated alike.
/// Returns true if so.
bool foldRepeatedHeads(attn::AttentionOp op);

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_FOLDREPEATEDHEADS_H
