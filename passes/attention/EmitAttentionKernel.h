// The attention kernel as loops over vectors: online softmax with queries along lanes.
//
// A head's rows are taken in blocks, its keys in blocks (AttentionTile) at absolute positions, and
// in a block of rows panel by panel:
//
//   for each block of rows                        queries packed as [D][width] a panel
//     for each block of keys the mask lets in     keys packed as [keys/4][D][4], values as
//                                                 [D/4][keys][4]: what is broadcast lies densely;
//                                                 or as they lie (takesKeysInPlace,
//                                                 takesValuesInPlace)
//       for each panel
//         scores^T[key][query]                    register tiles of keysPerTile x width
//         maximum, exponentials, sum              vertical, a query per lane
//         output^T[d][query] += value * p         register tiles of keysPerTile x width
//     output = output^T / sum
//
// Segments of keys have a state (maximum, sum, output) each; states are merged in order.
//
// The arithmetic of a row depends on its own query, the keys and the mask alone: how rows are
// tiled changes no bit of the result.
#ifndef FOVEA_PASSES_ATTENTION_EMITATTENTIONKERNEL_H
#define FOVEA_PASSES_ATTENTION_EMITATTENTIONKERNEL_H

#include "dialect/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/attention/AttentionPacker.h"
#include "passes/attention/DistanceTables.h"
#include "passes/attention/MaskSummary.h"
#include "passes/vector/EmitBuilder.h"
#include "passes/vector/RegionVectorizer.h"
#include <functional>
#include <memory>
#include <vector>

namespace fovea {

/// One head of one batch element: two-dimensional views of the op's operands.
struct AttentionHead {
  mlir::Value batch, head;       // the region arguments b and h
  mlir::Value query, key, value; // [rows, D], [keys, D], [keys, Dv]
  mlir::Value output;            // [rows, Dv]
  mlir::Value weights;           // [rows, keys], or null
  mlir::Value lse;               // [rows], or null
  mlir::Value columnSums;        // [chunks of rows, keys], or null
  mlir::Value bucketSums;        // [rows, buckets], or null
  // Blocks of packed keys and values, [block][block / t][D][t] and [block][Dv / t][block][t]; null
  // where the kernel packs for itself, or takes values in place.
  mlir::Value packedKeys, packedValues;
};

class AttentionKernel {
public:
  /// `distances` has the tables that the score function reads; null for none.
  AttentionKernel(EmitBuilder &b, attn::AttentionOp op, const AttentionTile &tile,
                  const MaskSummary &summary, const DistanceTables *distances);

  /// Allocates the kernel's scratch memory at the builder's insertion point; without room for
  /// packed keys and values if those of all heads were packed before.
  void allocateScratch(bool prepacked);
  /// Emits the whole computation of a head.
  void emitHead(const AttentionHead &head);

private:
  /// Rows [row, row + count) of the head, at most a panel's width, at positions
  /// [first, last]; `index` is the panel's place in the block's scratch.
  struct Panel {
    mlir::Value index, row, count, first, last;
    llvm::SmallVector<mlir::Value> positions; // of each lane; past the last row, the last row's
    llvm::SmallVector<mlir::Value> counters;  // of each lane's first weight, if there is dropout
  };
  /// Keys [begin, end) of a block, and which of them a block of rows can see. Bounds count
  /// from `begin`.
  struct KeyBlock {
    mlir::Value begin, end;
    MaskBounds visible;
    mlir::Value valuesAreFinite; // i1; null if no key can be masked
  };
  using Vectors = llvm::SmallVector<mlir::Value>;
  /// Keys [lo, hi), of a block counted from its first.
  struct KeySpan {
    mlir::Value lo, hi;
  };
  /// Keys that vectors [first, first + count) of a panel meet, the others see none of them.
  struct VectorSpan : KeySpan {
    int64_t first, count;
  };

  // EmitAttentionKernel.cpp: the loops around the kernel's parts.
  /// Rows [begin, end), which belong to one chunk of column sums if these are asked for.
  void emitRows(mlir::Value begin, mlir::Value end, mlir::Value chunk);
  /// The rows [row, row + count) of chunk `chunk`.
  void emitRowBlock(mlir::Value row, mlir::Value count, mlir::Value chunk);
  void forEachPanel(mlir::Value row, mlir::Value rows, llvm::function_ref<void(Panel)> body);
  /// Where the first segment begins.
  mlir::Value firstSegment(const MaskBounds &bounds);
  /// The keys that the total's own outputs are of: those of the first segment, none where it holds
  /// a sink. Others reach it by merging.
  KeySpan keysOfTotal(const MaskBounds &bounds);
  /// Emits `body` for the keys [lo, hi) of each segment with some that the rows see, with a state
  /// of its own, and brings the states together.
  void forEachSegment(mlir::Value row, mlir::Value count, const MaskBounds &bounds,
                      llvm::function_ref<void(mlir::Value lo, mlir::Value hi)> body);
  /// The blocks with keys in [lo, hi).
  void forEachKeyBlock(const MaskBounds &bounds, mlir::Value lo, mlir::Value hi,
                       llvm::function_ref<void(KeyBlock)> body);
  /// Emits `body` where the panel sees some key of the block, with the keys that it sees, and else
  /// `otherwise`.
  void whereVisible(const Panel &panel, const KeyBlock &block,
                    llvm::function_ref<void(const MaskBounds &visible)> body,
                    llvm::function_ref<void()> otherwise);
  /// Emits `body` for panels of all numbers of vectors: the last one of a block of rows may have
  /// fewer queries, and multiplies no more vectors than these take.
  void forEachWidth(const Panel &panel, llvm::function_ref<void()> body);
  /// Whether each vector of a panel meets the keys that its own queries see, and not all of the
  /// panel's.
  bool hasOwnSpans();
  /// The keys of the block that each vector's queries see, widened so that neither end falls from
  /// one vector to the next.
  void findSpans(const Panel &panel, const KeyBlock &block);
  llvm::SmallVector<VectorSpan> spansOf(const MaskBounds &visible);
  /// Visits the keys that the mask lets rows of the block see, and updates the panels' states.
  void attendToKeys(mlir::Value row, mlir::Value count);
  void attendToBlock(mlir::Value row, mlir::Value count, KeyBlock block);
  /// i1: whether the panel has no outputs of the segment before the block; null where outputs
  /// begin as zeros.
  mlir::Value isFirstBlock(const Panel &panel, const KeyBlock &block);
  /// attendToKeys, and where masked keys have a fill once more to all keys, if that left a row of
  /// the block without any that outweighs them (attention_s5).
  void attendWithFill(mlir::Value row, mlir::Value count);
  mlir::Value needsMaskedKeys(mlir::Value count);
  /// Whether to visit a block, given what the mask says of it.
  mlir::Value orSeesAll(mlir::Value isSeen);
  bool hasGaps() const { return mask && mask->getBlocks().hasGaps(); }
  EmittedBlock rectangle(mlir::Value first, mlir::Value last, const KeyBlock &block);
  MaskBounds boundsOf(mlir::Value first, mlir::Value last);
  MaskBounds clip(const MaskBounds &bounds, const KeyBlock &block);

  // EmitAttentionState.cpp: what the rows of a panel have gathered.
  static constexpr int64_t total = 0, part = 1; // slots of states: all segments so far, and one
  /// Lets `outputs`, `maxima`, `sums` and `bucketScratch` be those of a slot.
  void useState(mlir::Value slot);
  /// Before a segment, at absolute positions. Outputs of panels that see keys of it are left as
  /// they are where the first block writes them.
  void clearState(const Panel &panel, const KeySpan &segment);
  void clearOutputs(const Panel &panel);
  /// Whether a panel's first block of a segment writes the outputs instead of adding to them.
  bool writesFirstOutputs();
  /// Clears the total, whose own keys are keysOfTotal, and adds the sink.
  void initialize(const Panel &panel, const KeySpan &own);
  void mergeStates(const Panel &panel);
  void finish(const Panel &panel);
  void storeLse(const Panel &panel, const Vectors &sum);

  // EmitAttentionPacking.cpp: between the operands' layout and the kernel's.
  void packQueries(const Panel &panel);
  /// Makes keys and values those of the block. Returns whether the values are finite: an i1, null
  /// if no key can be masked.
  mlir::Value fetchBlock(const KeyBlock &block);
  /// A tile of columns of the block's values from `column` on, [keys][keysPerTile].
  mlir::Value viewTile(mlir::Value column);
  mlir::Value checkValues(const KeyBlock &block);
  mlir::Value checkValuesInPlace(const KeyBlock &block);
  mlir::Value checkPartialValues(const KeyBlock &block);
  /// `into[row + t, columnOffset + c] = from[leading..., c, t]` for c in [lo, hi), t < count, times
  /// `factors[panel, t]` if there are any.
  void storeTransposed(mlir::Value from, mlir::ValueRange leading, mlir::Value lo, mlir::Value hi,
                       mlir::Value into, const Panel &panel, mlir::Value columnOffset,
                       mlir::Value factors = {});

  // EmitAttentionKeys.cpp
  /// Makes packedKeys or firstKey those of the block.
  void fetchKeys(const KeyBlock &block);
  /// Room for packed keys, or for the last ones where a tile in place may be no whole one.
  void allocateKeys(bool prepacked);
  void copyLastKeys();
  /// The tile of keys from `key` of the block on, of which loadKey takes elements.
  mlir::Value viewKeys(mlir::Value key);
  mlir::Value loadKey(mlir::Value tileKeys, mlir::Value column, int64_t key);

  // EmitAttentionFetches.cpp: what is fetched ahead of its use.
  /// In how many parts a tile of keys fetches what is packed next, a few cache lines of each
  /// operand at a time; 0 if it does not.
  int64_t fetchedParts();
  void fetchFollowing(const Panel &panel, mlir::Value group, mlir::Value part, int64_t parts);
  void fetchNextKeys(mlir::Value tileKeys, mlir::Value d);
  void fetchNextValues(mlir::Value tileValues, mlir::Value key);
  void fetchFirstValues(mlir::Value key);
  void fetchIntoSecondLevel(mlir::Value memref, mlir::ValueRange at);

  // EmitAttentionScores.cpp: scores^T = keys . queries^T, masked where that is cheap.
  /// Emits which queries of a panel may attend to a key, given its place in the block.
  using KeyMask = std::function<Vectors(mlir::Value key)>;
  void emitScores(const Panel &panel, const KeyBlock &block, const MaskBounds &visible);
  void emitScoreTiles(const Panel &panel, const MaskBounds &visible, const KeyMask *test);
  void emitScoreTile(const Panel &panel, mlir::Value key, const VectorSpan &span,
                     const MaskBounds &visible, const KeyMask *test);
  Vectors multiplyTile(const Panel &panel, mlir::Value key, const VectorSpan &span);
  bool findsMaximaEarly();
  void raiseMaxima(llvm::ArrayRef<mlir::Value> keyScores, const VectorSpan &span);
  void hideKeys(const VectorSpan &span, const KeyMask &test);
  void hideEdges(const MaskBounds &visible, const KeyMask &test);
  /// Whether scores are masked tile by tile: not after a score function, and not where a test
  /// takes long code.
  bool masksTiles();

  // EmitAttentionMask.cpp: score function, mask and maximum.
  /// Emits the scores of a key at a position from the scaled products, times log2(e).
  using ScoreFunction = std::function<Vectors(mlir::Value position, const Vectors &raw)>;
  /// The score function of a panel, null without one. What needs no key is emitted at once.
  ScoreFunction scoreOf(const Panel &panel, const KeyBlock &block, const MaskBounds &visible);
  /// For keys [lo, hi) of the block.
  KeyMask maskOf(const Panel &panel, const KeyBlock &block, mlir::Value lo, mlir::Value hi);
  /// The masked exponent where a key is masked.
  Vectors hide(const Vectors &score, llvm::ArrayRef<mlir::Value> allowed);
  Vectors larger(llvm::ArrayRef<mlir::Value> known, llvm::ArrayRef<mlir::Value> candidates);
  /// Applies score function and mask to a block's scores, as far as emitScores has not; returns the
  /// larger of `maximum` and the scores.
  Vectors finishScores(const Panel &panel, const KeyBlock &block, const MaskBounds &visible,
                       Vectors maximum);
  Vectors rescore(const KeyBlock &block, mlir::Value lo, mlir::Value hi, const ScoreFunction &score,
                  const KeyMask *test, Vectors maximum);

  // EmitAttentionSoftmax.cpp: from scores to probabilities.
  void emitSoftmax(const Panel &panel, const KeyBlock &block, const MaskBounds &visible);
  void rescale(const Panel &panel, const Vectors &before, const Vectors &after,
               const Vectors &finite);
  /// `maximum`, or 0 for rows without keys so far, so that -inf minus it stays -inf.
  Vectors finiteMaximum(const Vectors &maximum);
  /// 2^(score - maximum).
  mlir::Value probability(mlir::Value score, mlir::Value maximum);
  Vectors probabilities(const Vectors &score, const Vectors &maximum);
  Vectors multiply(const Vectors &lhs, const Vectors &rhs);
  /// The dropout counters of the weights of key 0 (attention_s12).
  Vectors emitCounters(const Panel &panel);
  /// Dropout of the probabilities `p` of the key at `position`.
  mlir::Value drop(mlir::Value p, mlir::Value counters, mlir::Value position);

  // EmitAttentionWeights.cpp: what needs the final weights, in a second pass over the keys.
  bool needsWeights() const { return head.weights || head.columnSums; }
  void emitWeights(mlir::Value row, mlir::Value rows, const MaskBounds &bounds, mlir::Value chunk);
  void normalize(const Panel &panel, const KeyBlock &block, const MaskBounds &visible);
  void clearWeights(const Panel &panel, mlir::Value lo, mlir::Value hi);
  void clearColumnSums(mlir::Value chunk);
  void addToColumns(const Panel &panel, const MaskBounds &visible);
  void storeColumns(const KeyBlock &block, mlir::Value chunk);

  // EmitAttentionBuckets.cpp: sums^T[bucket][query] of the probabilities.
  void emitBuckets(const Panel &panel, const KeyBlock &block, const MaskBounds &visible);
  void finishBuckets(const Panel &panel, const Vectors &reciprocal);

  // EmitAttentionKept.cpp: the weights, if nothing else needs them, from probabilities that were
  // kept on the way.
  bool keepsProbabilities();
  int64_t unscaledBlockSize();
  mlir::Value unscaledSize();
  mlir::Value unscaledRow(mlir::Value position, mlir::Value lane);
  void storeUnscaled(const Panel &panel, const KeyBlock &block, const MaskBounds &visible,
                     const Vectors &maximum);
  void storeFactors(const Panel &panel, mlir::Value begin, const Vectors &factors);
  void forEachBlockBegin(mlir::Value lo, mlir::Value hi,
                         llvm::function_ref<void(mlir::Value begin)> body);
  void finishFactors(const Panel &panel, const MaskBounds &visible);
  void writeWeights(const Panel &panel, mlir::Value lane, mlir::Value begin,
                    const MaskBounds &visible);
  void clearWeightsOfRow(mlir::Value row, mlir::Value lo, mlir::Value hi);
  void emitKeptWeights(mlir::Value row, mlir::Value rows);

  // EmitAttentionValues.cpp: output^T += values^T . probabilities^T.
  void emitValues(const Panel &panel, const KeyBlock &block, const MaskBounds &visible);
  void emitValueTiles(const Panel &panel, const MaskBounds &visible);
  /// Adds the sums of columns from `column` on, `tile.vectors` vectors each.
  void addToOutputs(const Panel &panel, mlir::Value column, const Vectors &sum);
  void emitValueTile(const Panel &panel, const MaskBounds &visible, mlir::Value column);
  Vectors multiplyValues(const VectorSpan &span, mlir::Value column, Vectors sum);
  Vectors emitTakesPart(const std::optional<KeyMask> &test, mlir::Value key, const Vectors &p);
  void emitMaskedValues(const Panel &panel, const KeyBlock &block, const MaskBounds &visible);

  // Vectors of a panel: `tile.vectors` vectors of `tile.lanes`.
  Vectors load(mlir::Value memref, mlir::ValueRange leading);
  /// The vectors of a span alone.
  Vectors load(mlir::Value memref, mlir::ValueRange leading, const VectorSpan &span);
  /// Multiplies rows [0, count) of a panel's scratch memory `[panels][rows][width]`.
  void scaleRows(const Panel &panel, mlir::Value memref, mlir::Value count, const Vectors &factor);
  void store(llvm::ArrayRef<mlir::Value> vectors, mlir::Value memref, mlir::ValueRange leading,
             int64_t first = 0);
  Vectors eachVector(llvm::function_ref<mlir::Value(int64_t)> make);
  Vectors constants(double value);
  Vectors flat(double value, int64_t count);
  mlir::Value compare(mlir::arith::CmpFPredicate predicate, mlir::Value lhs, mlir::Value rhs);
  /// `x * y + z`.
  mlir::Value multiplyAdd(mlir::Value x, mlir::Value y, mlir::Value z);
  mlir::Value select(mlir::Value condition, mlir::Value yes, mlir::Value no);
  // EmitAttentionTensors.cpp: tensors that mask and score functions read by query and key.
  using LaneRegions = std::shared_ptr<std::vector<LaneRegion>>;
  /// A read of a row a query, at one key after the other, and what was transposed of it.
  struct TensorRead {
    mlir::memref::LoadOp load;
    mlir::Value transposed; // [block][width]
  };
  void allocateTransposed(mlir::Region &region);
  llvm::SmallVector<TensorRead> readsOf(mlir::Region &region);
  /// Transposes what the region reads at keys [lo, hi) of the block. `regions` are then given it.
  void transposeReads(mlir::Region &region, LaneRegions regions, const KeyBlock &block,
                      mlir::Value lo, mlir::Value hi);
  void transposeKeys(TensorRead read, LaneRegion &lanes, int64_t vector, const KeyBlock &block,
                     mlir::Value key);
  llvm::SmallVector<mlir::Value> indicesAt(TensorRead read, LaneRegion &lanes,
                                           mlir::Value position);
  /// The elements of vector `v` of the panel's queries at a key of the block.
  llvm::SmallVector<mlir::Value> transposedAt(mlir::Region &region, int64_t v, mlir::Value key);

  /// What the score function reads of tables by the distance, for vector `v` of a panel whose first
  /// query is at `first`, and a key at `position`.
  llvm::SmallVector<mlir::Value> byDistance(mlir::Value first, int64_t v, mlir::Value position);

  /// A region for each vector of the panel's queries, of which what follows from batch, head and
  /// query is emitted at once. Left are the other arguments: the key, behind a score.
  LaneRegions forQueries(mlir::Region &region, const Panel &panel);

  EmitBuilder &b;
  attn::AttentionOp op;
  const AttentionTile tile;
  mlir::FloatType scoreType;
  AttentionPacker packer;
  mlir::VectorType vectorType;
  const bool keysInPlace;   // takesKeysInPlace; else they are packed
  const bool valuesInPlace; // takesValuesInPlace; else they are packed
  std::optional<MaskBoundsEmitter> mask;
  double maskedScore;                     // an exponent
  mlir::Value seesAll;                    // i1: whether all keys are visited; null for no
  mlir::Value startsOutputs;              // i1: isFirstBlock of the panel and block at hand
  int64_t usedVectors;                    // of the panel at hand, see forEachWidth
  llvm::SmallVector<KeySpan> vectorSpans; // of the panel's vectors; empty where all meet all keys
  AttentionHead head;
  mlir::Value rows, keys, headDim, valueDim; // index
  mlir::Value firstPosition;                 // of row 0
  mlir::Value queryFactor;                   // what queries are multiplied by when packed
  mlir::Value paddedValueDim;                // index; whole tiles
  mlir::Value firstValue;                    // row of the block's first key, if in place
  mlir::Value buckets;                       // index; null without a bucket region
  // Where keys lie: the first of the block, and the last of the head, [keysPerTile][D]; null if all
  // tiles are whole.
  mlir::Value firstKey, lastKeys;
  // Scratch, with t for keysPerTile: [panels][D][width], [block / t][D][t], [Dv / t][block][t],
  // [block][width], [width], and for the sums by key [block][lanes].
  mlir::Value packedQueries, packedKeys, packedValues, scores, newMaxima, columnScratch;
  // The state in use: [panels][Dv][width], [panels][width], [panels][width], and for the sums by
  // bucket [panels][buckets][width]; in `states` those of all slots.
  mlir::Value outputs, maxima, sums, bucketScratch;
  struct {
    mlir::Value outputs, maxima, sums, buckets;
  } states;
  llvm::SmallVector<TensorRead> tensorReads;
  llvm::ArrayRef<DistanceTables::Table> distanceTables;
  mlir::Value distanceToPlace;
  mlir::Value unscaled; // [panels][block] of EmitAttentionKept.cpp; null if they are not kept
};

} // namespace fovea

#endif // FOVEA_PASSES_ATTENTION_EMITATTENTIONKERNEL_H
