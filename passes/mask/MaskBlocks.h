// What a mask says of blocks. Over a rectangle of query and key positions a mask lets no pair,
// some pairs or all pairs through. Both conditions, "some" and "all", are derived from the mask's
// predicate as predicates over the rectangle's corners, so that one derivation is evaluated on the
// host, printed, and emitted into kernels.
//
// A comparison of affine terms of unit steps is projected exactly: its block is skipped if and
// only if no pair is let through. Floor divisions, remainders and data are replaced by their
// bounds over the block: blocks may then be tested that need not be, never the other way.
#ifndef FOVEA_PASSES_MASK_MASKBLOCKS_H
#define FOVEA_PASSES_MASK_MASKBLOCKS_H

#include "passes/mask/KeyInterval.h"
#include "passes/mask/MaskPredicate.h"

namespace fovea {

/// What a mask lets through of a block of queries and keys.
enum class BlockClass { Empty, Partial, Full };

/// Query positions [firstQuery, lastQuery] and keys [firstKey, lastKey] of a head.
struct PositionBlock {
  int64_t batch = 0, head = 0;
  int64_t firstQuery = 0, lastQuery = 0, firstKey = 0, lastKey = 0;
};

class MaskBlocks {
public:
  /// Gives a value that the mask is expressed in (a size, a captured scalar, the smallest or the
  /// largest value of data over a block) its number; none if it is not known.
  using Lookup = llvm::function_ref<std::optional<int64_t>(mlir::Value)>;

  /// Data that the mask reads: a value of the region that depends on the query or on the key.
  struct Data {
    mlir::Value value;
    bool ofQuery, ofKey;
    /// Stand for its bounds over a block, as index; booleans are 0 and 1. Null where no bounds will
    /// be known.
    mlir::Value min, max;
  };

  /// `region` is a mask region with the arguments b, h, i, j, which must outlive this. What is not
  /// `summarised` has no bounds; without a function all data has.
  explicit MaskBlocks(mlir::Region &region,
                      llvm::function_ref<bool(const Data &)> summarised = nullptr);

  mlir::Region &getRegion() const { return region; }
  const MaskPredicate &getPredicate() const { return predicate; }
  llvm::ArrayRef<Data> getData() const { return data; }

  // Values that stand for the block, all inclusive.
  mlir::Value firstQuery() const { return corners->getArgument(0); }
  mlir::Value lastQuery() const { return corners->getArgument(1); }
  mlir::Value firstKey() const { return corners->getArgument(2); }
  mlir::Value lastKey() const { return corners->getArgument(3); }

  /// False only if no pair of the block is let through; true only if all are.
  const MaskPredicate &getSome() const { return some; }
  const MaskPredicate &getEvery() const { return every; }

  /// Keys outside of `seen` no query of the block sees, keys in `shared` all see. Expressed in the
  /// query positions alone.
  const KeyInterval &getSeen() const { return seen; }
  const KeyInterval &getShared() const { return shared; }
  /// Whether blocks inside of `seen` may still be empty, or blocks outside of `shared` full.
  bool hasGaps() const { return gaps; }
  /// Whether anything is bounded at all.
  bool isBounded() const;

  BlockClass classify(const PositionBlock &block, Lookup lookup) const;

  /// "keys [first - 64, last + 65), shared [last - 64, first + 65)", and the test of a block if
  /// there are gaps. Names are first, last, firstKey and lastKey for the block's corners.
  std::string str() const;
  /// "blocks where firstKey - last <= 0, full where lastKey - first <= 0".
  std::string testStr() const;

private:
  void collectData(const MaskPredicate &part);
  bool hasData(mlir::Value value) const;
  std::string nameOf(mlir::Value value, MaskNamer &namer) const;

  mlir::Region &region;
  MaskPredicate predicate, some, every;
  KeyInterval seen = KeyInterval::all(), shared = KeyInterval::none();
  bool gaps = false;
  std::unique_ptr<mlir::Block> corners;
  llvm::SmallVector<Data> data;
};

/// The classes of all blocks of a head, [query block][key block]: what a heat map shows.
struct ClassifiedBlocks {
  int64_t queryBlocks = 0, keyBlocks = 0;
  std::vector<BlockClass> classes;

  BlockClass at(int64_t queryBlock, int64_t keyBlock) const {
    return classes[queryBlock * keyBlocks + keyBlock];
  }
  int64_t count(BlockClass wanted) const { return llvm::count(classes, wanted); }
};

/// A head's shape: `queries` rows from position `firstPosition` on, and `keys` keys.
struct HeadShape {
  int64_t batch = 0, head = 0;
  int64_t firstPosition = 0, queries = 0, keys = 0;
};

/// Classifies blocks of `queriesPerBlock` x `keysPerBlock` positions, both at least 1; the last
/// ones may be smaller.
ClassifiedBlocks mapBlocks(const MaskBlocks &mask, const HeadShape &head, int64_t queriesPerBlock,
                           int64_t keysPerBlock, MaskBlocks::Lookup lookup);

} // namespace fovea

#endif // FOVEA_PASSES_MASK_MASKBLOCKS_H
