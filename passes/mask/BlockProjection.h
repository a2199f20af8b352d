// Projects predicates over positions onto the corners of a block: which blocks a predicate lets
// something through of, and which keys a block of queries can see.
#ifndef FOVEA_PASSES_MASK_BLOCKPROJECTION_H
#define FOVEA_PASSES_MASK_BLOCKPROJECTION_H

#include "passes/mask/KeyInterval.h"
#include "passes/mask/MaskPredicate.h"

namespace fovea {

/// What is known of a block: i in [firstQuery, lastQuery], j in [firstKey, lastKey], data within
/// bounds.
struct BlockContext {
  mlir::Region *region;
  mlir::Value i, j;
  mlir::Value firstQuery, lastQuery, firstKey, lastKey;
  llvm::SmallVector<IndexRange> data;

  bool varies(const LinearForm &form) const { return dependsOn(form, {i, j}, *region); }
};

/// A predicate over the corners that holds wherever `predicate` holds at some point of the block.
/// The converse is true too for affine predicates of unit steps (MaskBlocks.h).
MaskPredicate projectSome(const MaskPredicate &predicate, const BlockContext &block);

/// The keys that some query of the block sees, or more.
KeyInterval projectSeen(const MaskPredicate &predicate, const BlockContext &block);
/// Keys that every query of the block sees, maybe not all.
KeyInterval projectShared(const MaskPredicate &predicate, const BlockContext &block);
/// Whether each row's visible keys lie side by side: then the two ranges say all, blocks that are
/// inside of `projectSeen` have a visible pair, and those that are not inside of `projectShared` have
/// a hidden one. Else there are gaps, and blocks must be tested one by one.
bool isOneRange(const MaskPredicate &predicate, const BlockContext &block);

} // namespace fovea

#endif // FOVEA_PASSES_MASK_BLOCKPROJECTION_H
