// Finds pairs of attentions whose results are merged by their log-sum-exps.
#ifndef FOVEA_PASSES_RAISE_MERGEPAIRS_H
#define FOVEA_PASSES_RAISE_MERGEPAIRS_H

#include "dialect/AttnOps.h"

namespace fovea {

struct MergePair {
  attn::AttentionOp parts[2];
  mlir::Value output, lse; // the merged ones, null if not found
};

/// Every two attentions that are combined somewhere, the last first.
std::vector<MergePair> findMergePairs(mlir::Operation *function);

/// Whether results of the parts reach anything but the merged results.
bool areUsedElsewhere(const MergePair &pair);

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_MERGEPAIRS_H
