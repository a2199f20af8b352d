// Which ops are computed together, tile by tile.
#ifndef FOVEA_PASSES_TILE_TILEGROUPS_H
#define FOVEA_PASSES_TILE_TILEGROUPS_H

#include "mlir/IR/Block.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/SetVector.h"
#include <vector>

namespace fovea {

/// Ops that one parallel loop computes. No member is used outside the group but the root.
struct TileGroup {
  mlir::Operation *root;
  llvm::SetVector<mlir::Operation *> members; // root included, users before producers
  llvm::BitVector tiledLoops;                 // loops of the root that are cut into tiles
  /// Loops of the root along which an input of a member is contiguous that the root's innermost
  /// loop reads across: of a transposition, for one.
  llvm::BitVector acrossLines;
  /// Loops along which rows of the root's innermost loop follow each other in an input, but not in
  /// the root: of heads that are split.
  llvm::BitVector acrossRows;
  bool hasContraction = false;
  bool keepsRows = false;   // a member reduces along a loop of the root, which stays whole
  bool makesFactor = false; // a contraction outside reads what the root makes
};

/// The groups of a block, last root first. Every op on tensors with a TilingInterface is in
/// exactly one; ops in nested regions are not looked at.
std::vector<TileGroup> findTileGroups(mlir::Block &block);

} // namespace fovea

#endif // FOVEA_PASSES_TILE_TILEGROUPS_H
