// Attention of few queries, as in cached decoding: bound by the bytes of keys and values, which are
// read once for all heads of a group. Keys lie along lanes for scores and probabilities, columns
// of values for outputs.
//
//   for each segment of keys
//     for each block of keys the mask lets in
//       for each tile of keys                     keys transposed to [D][lanes]
//         scores[row][key]                        a row is a query of a head of the group
//     for each block of keys
//       for each row: mask, maximum, exponentials, sum
//       output[row][d] += p[row][key] * value[key]
//
// Where blocks between others may be skipped, one loop over blocks does both. Segments of keys are
// tasks of their own where SplitKeys.h finds that they can be.
//
// Blocks, order and rounding of every operation are those of EmitAttentionKernel.h, so a result has
// the same bits whichever kernel computes it.
#ifndef FOVEA_PASSES_ATTENTION_EMITDECODEKERNEL_H
#define FOVEA_PASSES_ATTENTION_EMITDECODEKERNEL_H

#include "dialect/AttnOps.h"
#include "passes/attention/AttentionPacker.h"
#include "passes/attention/DecodeStates.h"
#include "passes/attention/MaskSummary.h"
#include "passes/attention/SplitKeys.h"

namespace fovea {

class DecodeKernel {
public:
  /// Whether the kernel can compute the op: no weights or sums of them, no dropout, groups of a
  /// known size, rows of values and outputs dense and of whole vectors.
  static bool supports(attn::AttentionOp op, const AttentionTile &tile);

  /// `tile` is one for at most `tile.lanes` queries.
  DecodeKernel(EmitBuilder &b, attn::AttentionOp op, const AttentionTile &tile,
               const MaskSummary &summary);

  /// Allocates scratch memory and emits the whole op at the builder's insertion point.
  void emit();
  /// The same for one segment of an op with one batch and one group of heads.
  void emitSegment(const SplitKeys &split);

private:
  using Vectors = llvm::SmallVector<mlir::Value>;
  /// One query of one head: its number among the rows of a group, and where it is.
  struct Row {
    mlir::Value number, head, query, position;
  };
  /// The rows of one query and heads `head` on, counted from the group's first; `number` is the
  /// first row's.
  struct RowTile {
    mlir::Value query, head, number;
  };
  /// Keys [begin, begin + count): the last one is the last that a row may see.
  struct Block {
    mlir::Value begin, count;
    mlir::Value isFull; // i1: no row has a key of it masked
    mlir::Value finite; // i1: no value is infinite or NaN; null if no key can be masked
  };

  /// The rows of a group end at `end`. After the last keys come values, from `firstValue` on, after
  /// the last values keys of the next group, which begin at row `nextKey` of this one's.
  struct Reading {
    mlir::Value firstValue, end, nextKey;
  };
  /// A row of keys or of values.
  struct Place {
    mlir::Value view, row;
  };

  /// Keys [begin, end) of a block, counted from its first: as many values as stay in the
  /// first-level cache while all rows and columns are at work.
  struct Chunk {
    mlir::Value begin, end;
    Place ahead; // what comes as far after it as is fetched ahead
  };
  static constexpr int64_t keysPerChunk = 32;

  // EmitDecodeKernel.cpp: the loops over groups, segments, blocks and rows.
  void allocate();
  void beginGroup(mlir::Value batch, mlir::Value keyHead);
  void emitGroup(const DecodeState &total, const DecodeState &part);
  bool scoresSegments();
  int64_t scoresPerRow();
  mlir::Value viewScores(mlir::Value key);
  Reading readingOf(mlir::Value begin, const MaskBounds &visible);
  /// Adds keys [lo, hi) to the state in use.
  void emitKeys(const MaskBounds &visible, mlir::Value lo, mlir::Value hi);
  void emitBlock(const Block &block);
  void forEachRow(llvm::function_ref<void(const Row &)> body);
  void forEachRowTile(llvm::function_ref<void(const RowTile &)> body);

  // EmitDecodeBlocks.cpp: which blocks rows see.
  bool maskDependsOnHead();
  MaskBounds visibleBounds();
  bool skipsBlocks();
  Block blockAt(mlir::Value begin, const MaskBounds &visible);
  void whereVisible(const Block &block);
  /// A loop over the heads of the group.
  llvm::SmallVector<mlir::Value> foldHeads(mlir::ValueRange inits, EmitBuilder::LoopBody body);
  template <typename Combine>
  mlir::Value ofHeads(llvm::function_ref<mlir::Value(mlir::Value head)> test);

  // EmitDecodeRows.cpp: queries, and the state of rows.
  int64_t queryCopies();
  void packQueries();
  void scaleQueries(const RowTile &rowTile);
  void clear(const DecodeState &of);
  void initialize(const DecodeState &of);
  void finish(const DecodeState &of);

  // DecodeKeyTile.cpp: what of keys is in registers at a time.
  bool multipliesFromRegisters();
  int64_t columnsPerWord();
  bool holdsWords();
  int64_t keyColumns();
  int64_t keyRegisters();
  int64_t spareRegisters();
  bool keepsKeys();
  int64_t keyVectors();
  int64_t vectorsTogether();
  int64_t registersMultipliedFirst(int64_t vectors);
  bool transposesAhead(int64_t vectors);
  bool stagesKeys();

  // EmitDecodeColumns.cpp: from keys to columns.
  llvm::SmallVector<Vectors> transposeKeys(mlir::Value source, mlir::ValueRange rows,
                                           mlir::Value column);
  llvm::SmallVector<Vectors> splitPairs(mlir::ValueRange pairs);
  Vectors columnOfBytes(mlir::ValueRange words, int64_t number, mlir::ValueRange scales);
  void forEachColumn(mlir::ValueRange held, mlir::ValueRange scales,
                     llvm::function_ref<void(mlir::ValueRange)> body);
  Vectors scalesOfWords(mlir::Value source, mlir::ValueRange rows, mlir::Value column);
  Vectors gatherColumn(mlir::Value source, mlir::ValueRange rows, mlir::Value column);
  void stageKeys(mlir::Value source, mlir::ValueRange rows, mlir::Value column, mlir::Value slot);

  // EmitDecodeKeys.cpp: from keys to scores.
  mlir::Value isOneQuery();
  void emitScores(const Block &block);
  Vectors multiplyColumn(mlir::Value column, mlir::ValueRange keyVectors, int64_t firstVector,
                         Vectors carried);
  Vectors multiplyTransposed(llvm::ArrayRef<Vectors> transposed, mlir::ValueRange scales,
                             mlir::Value column, int64_t firstVector, Vectors carried);
  Vectors multiplyColumns(mlir::Value source, mlir::ValueRange rows, mlir::Value whole,
                          const Place &ahead, Vectors sums);
  Vectors multiplyColumnsAhead(mlir::Value source, mlir::ValueRange rows, mlir::Value whole,
                               const Place &ahead, Vectors sums);
  Vectors multiplyColumnsStaged(mlir::Value source, mlir::ValueRange rows, mlir::Value whole,
                                const Place &ahead, Vectors sums);
  void multiplyKeys(mlir::Value key, mlir::Value source, mlir::ValueRange rows, const Place &ahead);
  void emitScoresOfOne(const Block &block);
  void emitPackedScores(const Block &block);
  void multiplyTile(mlir::Value key, mlir::Value number);

  // EmitDecodeScores.cpp: from scores to probabilities.
  void hideKeys(const Row &row, const Block &block);
  void rescore(const Row &row, const Block &block, mlir::Value key, bool masked, bool pastEnd);
  void emitProbabilities(const Row &row, const Block &block);
  void addToSums(mlir::Value number, const Block &block);
  void rescale(const Row &row, mlir::Value before, mlir::Value after, mlir::Value finite);

  // EmitDecodeValues.cpp: from probabilities to outputs.
  void emitValues(const Block &block);
  void emitValueTiles(const Block &block, bool tested);
  int64_t valueVectors();
  void emitValueRows(const Block &block, const Chunk &chunk, const RowTile &rowTile, bool tested);
  void emitValueTile(const Block &block, const Chunk &chunk, const RowTile &rowTile,
                     mlir::Value column, int64_t vectors, bool tested);
  void forEachOutput(llvm::function_ref<void(mlir::ValueRange at)> body);
  mlir::Value takesPart(const Block &block, const Row &row, mlir::Value key, mlir::Value p);
  mlir::Value checkValues(const Block &block);

  // EmitDecodeFetches.cpp: what is fetched ahead of its use.
  Place placeAhead(const Place &place, int64_t rowsAtOnce, const Place &next);
  Place afterKeys(mlir::Value key);
  Place afterValues(mlir::Value key);
  void fetchKeys(const Place &ahead, mlir::Value column, int64_t keys);
  void fetchFirstValues(const Row &row, const Block &block, mlir::Value key);
  void fetchValues(const Chunk &chunk, mlir::Value key, mlir::Value column, int64_t count);

  mlir::Value loadVector(mlir::Value memref, mlir::ValueRange at);
  mlir::Value multiplyAdd(mlir::Value x, mlir::Value y, mlir::Value z);

  EmitBuilder &b;
  attn::AttentionOp op;
  const AttentionTile tile;
  mlir::FloatType scoreType;
  mlir::VectorType vectorType;
  std::optional<MaskBoundsEmitter> mask;
  int64_t group;          // query heads that share a key head
  int64_t rowsPerTile;    // heads whose rows share a vector of keys or values in registers
  int64_t vectorsPerTile; // vectors of keys, or of columns of values, in a register tile
  AttentionPacker packer;
  mlir::Value queries, keys, headDim, valueDim, firstPosition; // index
  mlir::Value batch, firstHead, keyView, valueView;            // of the group at work
  // Scratch: [rowsPerTile][D], [rows / rowsPerTile][D][rowsPerTile] (or of one query some copies),
  // [vectorsPerTile][D][lanes], [rows][segment or block], [rows][Dv].
  mlir::Value scaledQueries, packedQueries, packedKeys, segmentScores, blockOutputs;
  mlir::Value stagedKeys; // [2][columns][keys at work], if stagesKeys()
  mlir::Value scores;     // [rows][block]: of the block at work
  Reading reading;        // of the keys at work
  std::optional<DecodeStates> states;
  DecodeState state; // of all rows: in use
};

} // namespace fovea

#endif // FOVEA_PASSES_ATTENTION_EMITDECODEKERNEL_H
