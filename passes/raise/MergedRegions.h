// The keys and the regions of one attention that does what two over disjoint keys did.
#ifndef FOVEA_PASSES_RAISE_MERGEDREGIONS_H
#define FOVEA_PASSES_RAISE_MERGEDREGIONS_H

#include "dialect/AttnOps.h"

namespace fovea {

/// How the parts' keys make up the merged ones.
struct MergedKeys {
  mlir::Value key, value;
  mlir::Value split; ///< keys from here on are the second part's; null if both have all keys
};

/// The keys of both parts as one tensor; `parts` are swapped if the second's come first. None if
/// they are neither the same nor adjacent slices that cover one tensor. Sizes are compared as
/// values of `region`, which holds both.
std::optional<MergedKeys> joinKeys(mlir::OpBuilder &builder, attn::AttentionOp (&parts)[2],
                                   mlir::Region &region);

bool areSameRegions(mlir::Region &a, mlir::Region &b);

/// Builds the regions of the merged op. Its positions are those of the first part.
class RegionMerger {
public:
  /// `shift` leads from positions of the first part to those of the second; null if there is none.
  RegionMerger(attn::AttentionOp (&parts)[2], const MergedKeys &keys, attn::AttentionOp merged,
               mlir::Value shift)
      : parts(parts), keys(keys), merged(merged), shift(shift) {}
  /// False if the masks may let a pair through twice.
  bool mergeMasks();
  void mergeScores();

private:
  mlir::Value cloneBody(mlir::OpBuilder &b, mlir::Region &from, int part, mlir::ValueRange args);
  mlir::Value isFirst(mlir::OpBuilder &b, mlir::Value j);

  attn::AttentionOp (&parts)[2];
  const MergedKeys &keys;
  attn::AttentionOp merged;
  mlir::Value shift;
};

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_MERGEDREGIONS_H
