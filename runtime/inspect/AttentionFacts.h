// What is known of each attention of a model once it is one op: its sizes, what its mask allows and
// how many blocks of the kernel that leaves, and what computing it in one kernel saves.
#ifndef FOVEA_RUNTIME_INSPECT_ATTENTIONFACTS_H
#define FOVEA_RUNTIME_INSPECT_ATTENTIONFACTS_H

#include "passes/TargetInfo.h"
#include "runtime/Finding.h"
#include "runtime/inspect/SizeFormulas.h"
#include <optional>

namespace fovea {

/// How the kernel meets a block of keys for a panel of queries.
enum class BlockKind : char {
  Full = 'f',    // every query sees every key: no test
  Partial = 'p', // each element is tested
  Skipped = '.', // no query sees a key: no work
};

/// The blocks of one head, row-major: `panels` rows of `keyBlocks` kinds.
struct BlockMap {
  int64_t panels = 0, keyBlocks = 0;
  std::string kinds;

  BlockKind at(int64_t panel, int64_t keyBlock) const {
    return static_cast<BlockKind>(kinds[panel * keyBlocks + keyBlock]);
  }
};

/// Over all batches and heads, for one run of the op.
struct BlockCounts {
  int64_t full = 0, partial = 0, skipped = 0;
  int64_t pairs = 0; // of a query and a key that the kernel computes a score of

  int64_t total() const { return full + partial + skipped; }
};

/// Keys [anyLo, anyHi) are those that some query at the positions first..last sees, [allLo, allHi)
/// those that all of them see; as far as there are such keys.
struct KeyBounds {
  SymbolicDim anyLo, allLo, allHi, anyHi;
};

struct AttentionFacts {
  SourcePlace place;
  std::string entry;
  SymbolicDim batch, heads, keyHeads, queries, keys, headDim, valueDim;
  SymbolicDim runs;                // more than one in a loop over layers
  SymbolicDim firstPosition;       // of row 0
  std::string mask;                // "j - i <= 0"; empty if there is none
  bool hasScore = false;           // a score function
  bool givesWeights = false;       // the weights are a result
  std::optional<KeyBounds> bounds; // in "first" and "last"; none if no position bounds the keys
  // How blocks are told apart whose keys are no one range, by positions or data; empty if they are.
  std::string blockTest;
  int64_t queriesPerBlock = 0, keysPerBlock = 0;
  SymbolicDim totalBlocks;           // of one run
  std::optional<BlockCounts> counts; // none if sizes or positions are not known, or too many
  std::string whyNoCounts;
  std::optional<BlockMap> map; // of batch 0 and head 0
  // The account of one run: what separate ops would do, and what the kernel does. Operations are
  // multiplications and additions of the two products.
  SymbolicDim unfusedBytes; // scores, weights, mask, and keys and values repeated for their group
  SymbolicDim unfusedOperations;
  std::optional<int64_t> operations;
};

/// The attentions of a module of the phase `fused`, in order, with the sizes known so far. Blocks
/// are those of the kernel for `target`.
std::vector<AttentionFacts> describeAttentions(mlir::ModuleOp fused, const TargetInfo &target,
                                               const SymbolSizes &sizes);

} // namespace fovea

#endif // FOVEA_RUNTIME_INSPECT_ATTENTIONFACTS_H
